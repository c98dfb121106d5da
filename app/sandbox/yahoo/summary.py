"""`/v10/finance/quoteSummary/{symbol}`: modules about one symbol, behind the crumb.

Comes in: `modules=a,b`. Goes out: an object a module; modules that a symbol or the sandbox does not
have are left out.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.sandbox.yahoo.crumbs import Crumbs
from app.sandbox.yahoo.desk import Desk
from app.sandbox.yahoo.errors import YahooError, yahoo_json
from app.sandbox.yahoo.summary_modules import MODULES, Subject

ENVELOPE = "quoteSummary"


class Summaries:
    """The endpoint of one sandbox."""

    def __init__(self, desk: Desk, crumbs: Crumbs) -> None:
        self._desk = desk
        self._crumbs = crumbs

    def routes(self) -> list[Route]:
        """One path."""
        return [Route("/v10/finance/quoteSummary/{symbol}", self.summary, methods=["GET"])]

    async def summary(self, request: Request) -> Response:
        """The modules that were asked for. Raises YahooError 401 and 404."""
        self._crumbs.check(request)
        symbol: str = request.path_params["symbol"]
        unknown = f"Quote not found for symbol: {symbol[:40]}"
        security = self._desk.listed(symbol, ENVELOPE, unknown)
        reading = self._desk.reading(security)
        if reading is None:
            raise YahooError(404, ENVELOPE, "Not Found", unknown)
        subject = Subject(security, reading, self._desk.facts(security), self._desk.market_state(security, reading))
        result: dict[str, Any] = {}
        for name in request.query_params.get("modules", "").split(","):
            build = MODULES.get(name)
            module = build(subject) if build else None
            result |= {name: module} if module is not None else {}
        if not result:
            raise YahooError(404, ENVELOPE, "Not Found", "No fundamentals data found for any of the summaryTypes")
        return yahoo_json({ENVELOPE: {"result": [result], "error": None}})
