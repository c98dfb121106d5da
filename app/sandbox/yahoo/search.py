"""`/v1/finance/search`: symbols by their beginnings and by words of their names; no crumb.

Comes in: `q` and `quotesCount`. Goes out: a list of symbols, best first, with neither news nor lists.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.sandbox.yahoo.desk import Desk
from app.sandbox.yahoo.directory import Security
from app.sandbox.yahoo.errors import YahooError, yahoo_json
from app.sandbox.yahoo.quote_fields import TYPE_NAMES

DEFAULT_COUNT, MAX_COUNT = 7, 50
SCORE = 20_000.0


class Search:
    """The endpoint of one sandbox."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        """One path."""
        return [Route("/v1/finance/search", self.search, methods=["GET"])]

    async def search(self, request: Request) -> Response:
        """The symbols that fit. Raises YahooError 400."""
        asked = request.query_params.get("q", "").strip()
        if not asked:
            raise YahooError(400, "finance", "Bad Request", "Missing required query parameter=q")
        text = request.query_params.get("quotesCount", str(DEFAULT_COUNT))
        count = min(int(text), MAX_COUNT) if text.isascii() and text.isdigit() else DEFAULT_COUNT
        found = sorted(
            (rank, len(security.symbol), security.symbol)
            for security in self._desk.directory.values()
            if (rank := _rank(security, asked.upper())) is not None
            and not self._desk.faults.is_delisted(security.symbol)
        )
        quotes = [_quote(self._desk.directory[symbol], rank) for rank, _, symbol in found[:count]]
        empty: dict[str, list[Any]] = {"news": [], "nav": [], "lists": [], "researchReports": []}
        return yahoo_json({"explains": [], "count": len(quotes), "quotes": quotes, "totalTime": 12} | empty)


def _rank(security: Security, asked: str) -> int | None:
    """How well a security fits; 0 is best, None: not at all. Codes of the BSE are found by their digits alone."""
    symbol, name = security.symbol, security.name.upper()
    if asked in {symbol, symbol.partition(".")[0]}:
        return 0
    if symbol.startswith(asked):
        return 1
    if symbol.partition(".BO")[0].isdigit():
        return None
    if name.startswith(asked):
        return 1 if name == asked else 2
    return 3 if f" {asked}" in name else None


def _quote(security: Security, rank: int) -> dict[str, Any]:
    return {
        "exchange": security.venue.code,
        "shortname": security.short_name,
        "longname": security.name,
        "quoteType": security.quote_type,
        "symbol": security.symbol,
        "index": "quotes",
        "score": SCORE / (1 + rank),
        "typeDisp": TYPE_NAMES[security.quote_type],
        "exchDisp": security.venue.name,
        "isYahooFinance": True,
    }
