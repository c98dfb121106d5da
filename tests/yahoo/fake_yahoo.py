"""A server that answers as Yahoo does: cookie, crumb, and what a test scripts; and its streamer."""

from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tests.support.serving import serving

Answer = Response | Callable[[Request], Response]
SESSION_PATHS = ("/fc", "/guce", "/v1/test/getcrumb")


def quote_row(symbol: str, **changed: object) -> dict[str, object]:
    """A row of v7 as Yahoo sends it for a share of the NSE."""
    row: dict[str, object] = {
        "language": "en-US",
        "region": "US",
        "quoteType": "EQUITY",
        "currency": "INR",
        "exchange": "NSI",
        "fullExchangeName": "NSE",
        "marketState": "REGULAR",
        "exchangeDataDelayedBy": 15,
        "priceHint": 2,
        "regularMarketPrice": 1523.4000244140625,
        "regularMarketPreviousClose": 1500.0,
        "regularMarketOpen": 1501.5,
        "regularMarketDayHigh": 1530.0,
        "regularMarketDayLow": 1499.949951171875,
        "regularMarketVolume": 4242424,
        "regularMarketTime": 1795405500,
        "symbol": symbol,
    }
    return row | changed


def quotes(*rows: dict[str, object]) -> Response:
    """v7's envelope."""
    return JSONResponse({"quoteResponse": {"result": list(rows), "error": None}})


def refusal(envelope: str, status: int, code: str, description: str) -> Response:
    """How Yahoo explains what it does not have."""
    return JSONResponse(
        {envelope: {"result": None, "error": {"code": code, "description": description}}}, status_code=status
    )


def html(status: int) -> Response:
    """A page of a proxy."""
    return HTMLResponse("<html><body>Will be right back</body></html>", status_code=status)


@dataclass
class FakeYahoo:
    """What it will answer, and what it was asked."""

    url: str = ""
    script: deque[Answer] = field(default_factory=deque)
    """Answered in order to requests with a valid crumb, one each; afterwards `usual` answers."""
    usual: Answer = field(default_factory=lambda: quotes(quote_row("INFY.NS")))
    requests: list[Request] = field(default_factory=list)
    crumb: str = "Vq9.kPn1xYz"
    crumb_answer: Answer | None = None
    """Instead of the crumb."""
    cookie_answer: Answer | None = None
    delay: float = 0.0
    """Seconds before each answer that is no cookie and no crumb."""
    held: anyio.Event | None = None
    """What each of these answers waits for besides."""

    @property
    def counts(self) -> Counter[str]:
        """Requests by first part of the path."""
        return Counter("session" if _is_session(request) else _kind(request) for request in self.requests)

    async def answer(self, request: Request) -> Response:
        """The next answer."""
        self.requests.append(request)
        path = request.url.path
        if path == "/fc":
            return _answered(self.cookie_answer, request) or _with_cookie(Response(status_code=404))
        if path.startswith("/guce"):
            return html(200)
        if path == "/v1/test/getcrumb":
            return _answered(self.crumb_answer, request) or PlainTextResponse(self.crumb)
        await anyio.sleep(self.delay)
        if self.held is not None:
            await self.held.wait()
        if "chart" not in path and request.query_params.get("crumb") != self.crumb:
            return refusal("finance", 401, "Unauthorized", "Invalid Crumb")
        answer = self.script.popleft() if self.script else self.usual
        return answer if isinstance(answer, Response) else answer(request)


def _answered(answer: Answer | None, request: Request) -> Response | None:
    return answer if answer is None or isinstance(answer, Response) else answer(request)


def _with_cookie(answer: Response) -> Response:
    answer.set_cookie("A3", "d=AQABBL&S=AQAAAp", path="/")
    return answer


def _is_session(request: Request) -> bool:
    return request.url.path.startswith(SESSION_PATHS)


def _kind(request: Request) -> str:
    return request.url.path.split("/")[3]


@asynccontextmanager
async def running_fake_yahoo() -> AsyncIterator[FakeYahoo]:
    """A fake on an ephemeral port of the running loop."""
    fake = FakeYahoo()
    application = Starlette(routes=[Route("/{path:path}", fake.answer, methods=["GET", "POST"])])
    async with serving(application) as server:
        fake.url = f"http://127.0.0.1:{server.port}"
        yield fake
