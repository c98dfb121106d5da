"""`/v7/finance/quote`: many symbols at once, behind the crumb.

Comes in: `symbols=A,B`. Goes out: the entries of those that are known, in the order in which they were asked for.
"""

from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.sandbox.yahoo.crumbs import Crumbs
from app.sandbox.yahoo.desk import Desk
from app.sandbox.yahoo.errors import YahooError, yahoo_json

MAX_SYMBOLS = 99
"""Since March 2025 Yahoo answers more of them with an error of its own machines."""
ENVELOPE = "quoteResponse"
FEW = 10
"""Above, an answer is made in a thread: each symbol takes a millisecond when it is looked at first."""


class Quotes:
    """The endpoint of one sandbox."""

    def __init__(self, desk: Desk, crumbs: Crumbs) -> None:
        self._desk = desk
        self._crumbs = crumbs

    def routes(self) -> list[Route]:
        """One path."""
        return [Route("/v7/finance/quote", self.quote, methods=["GET"])]

    async def quote(self, request: Request) -> Response:
        """The entries of the symbols that are known."""
        self._crumbs.check(request)
        symbols = [symbol for symbol in request.query_params.get("symbols", "").split(",") if symbol]
        if not symbols:
            raise YahooError(400, ENVELOPE, "argument-error", 'Missing value for the "symbols" argument')
        if len(symbols) > MAX_SYMBOLS:
            text = "Connection is deallocated and cannot be used anymore"
            raise YahooError(500, ENVELOPE, "internal-error", text)
        if len(symbols) <= FEW:
            return self._answer(symbols)
        return await to_thread.run_sync(self._answer, symbols)

    def _answer(self, symbols: list[str]) -> Response:
        entries: list[Any] = [self._desk.entry(symbol) for symbol in dict.fromkeys(symbols)]
        result = [entry for entry in entries if entry is not None]
        return yahoo_json({ENVELOPE: {"result": result, "error": None}})
