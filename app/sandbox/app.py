"""The sandbox exchange as one ASGI application.

Comes in: settings, a clock and a market. Goes out: a Starlette application that speaks Kite Connect v3 on one port:
REST, login pages, the ticker at every WebSocket path but Yahoo's, and the control endpoint; and beside it what Yahoo
has of the same market. Served by `app.sandbox.serve`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from app.ports import Clock
from app.sandbox.admission import Admission
from app.sandbox.control import Control
from app.sandbox.dump import InstrumentDumps
from app.sandbox.envelope import KiteError, answer_crash, answer_http_exception, answer_kite_error, success
from app.sandbox.faults import Faults
from app.sandbox.gate import Gate
from app.sandbox.history import HistoryEndpoint
from app.sandbox.limits import RateLimits
from app.sandbox.login import LoginPages
from app.sandbox.prices import Market, PriceDesk
from app.sandbox.rest import AccountEndpoints, InstrumentEndpoints, QuoteEndpoints
from app.sandbox.sessions import Sessions, read_sessions
from app.sandbox.settings import SandboxSettings
from app.sandbox.ticker import Ticker
from app.sandbox.traffic import Traffic
from app.sandbox.yahoo.errors import YahooError, answer_yahoo_error
from app.sandbox.yahoo.yahoo import Yahoo


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The parts of a running sandbox, for those in the same process; found at `application.state.sandbox`."""

    settings: SandboxSettings
    control: Control
    faults: Faults
    sessions: Sessions
    ticker: Ticker
    traffic: Traffic
    yahoo: Yahoo


async def _root(_request: Request) -> Response:
    return success({"name": "Kite Services sandbox exchange", "data": "SIMULATED"})


def build_sandbox(settings: SandboxSettings, *, clock: Clock, market: Market) -> Starlette:
    """The whole exchange. Blocking when there is a session file to read: build it in a thread then."""
    faults, traffic = Faults(clock), Traffic()
    sessions = Sessions(settings, clock, read_sessions(settings.session_file))
    admission = Admission(sessions, RateLimits(settings.rate_limits, clock))
    prices = PriceDesk(market, faults)
    ticker = Ticker(settings, clock=clock, prices=prices, sessions=sessions, faults=faults, traffic=traffic)
    yahoo = Yahoo(settings, clock=clock, market=market, faults=faults, traffic=traffic)
    control = Control(
        settings, faults=faults, prices=prices, sessions=sessions, ticker=ticker, traffic=traffic, yahoo=yahoo
    )
    routes: list[BaseRoute] = [
        Route("/", _root, methods=["GET"]),
        *LoginPages(settings, sessions).routes(),
        *AccountEndpoints(settings, admission, sessions).routes(),
        *QuoteEndpoints(admission, prices, clock).routes(),
        *HistoryEndpoint(admission, market, clock).routes(),
        *InstrumentEndpoints(admission, InstrumentDumps(settings, market, clock)).routes(),
        *control.routes(),
        *yahoo.routes(),
        WebSocketRoute("/{path:path}", ticker.endpoint),
    ]
    application = Starlette(
        routes=routes,
        middleware=[Middleware(Gate, faults=faults, traffic=traffic, max_url_bytes=settings.max_url_bytes)],
        exception_handlers={
            KiteError: answer_kite_error,
            YahooError: answer_yahoo_error,
            HTTPException: answer_http_exception,
            Exception: answer_crash,
        },
        lifespan=_lifespan,
    )
    application.state.sandbox = Sandbox(settings, control, faults, sessions, ticker, traffic, yahoo)
    return application


@asynccontextmanager
async def _lifespan(application: Starlette) -> AsyncIterator[None]:
    """Own the ticker's clockwork and Yahoo's stream while the server runs."""
    sandbox: Sandbox = application.state.sandbox
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sandbox.ticker.clockwork.run)
        tasks.start_soon(sandbox.yahoo.stream.run)
        yield
        tasks.cancel_scope.cancel()
