"""The ASGI application: routes, middleware, lifespan. The only importer of `schema`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from app import __version__
from app.domain.provenance import DataSource, QuoteOrigin
from app.http.health import health_routes
from app.http.hosts import LoopbackHosts
from app.http.login import login_routes
from app.http.metrics import metrics_route
from app.http.origins import AllowedOrigins, Cors
from app.http.request_ids import RequestIds
from app.logs import log_operation
from app.metrics import ServiceState
from app.observation import readiness_checks, service_state
from app.parts import DEFAULT_TIMING, Runtime, Timing
from app.ports import Clock
from app.redaction import Secrets
from app.runtime import open_runtime
from app.services.indicators.series import IndicatorService
from app.settings import Settings
from schema.build import build_schema, export_sdl
from schema.context import RequestContext, Role, Services
from schema.execution.engine import Engine
from schema.execution.limits import CostModel
from schema.execution.records import OperationRecord
from schema.graphiql import graphiql_assets, graphiql_page
from schema.live.sharing import STREAMS
from schema.live.streams import LiveStreams
from schema.roles import RoleOf
from schema.transport.connection import ConnectionInfo
from schema.transport.http import GraphQLHttp
from schema.transport.websocket import GraphQLWebSocket
from schema.types.providers import ServerInfo

__all__ = ["create_app", "export_sdl"]

GRAPHQL_PATH = "/graphql"

COST_MODEL = CostModel(
    list_sizes={
        "Query.candles": 500,
        "Instrument.candles": 500,
        "Query.indexConstituents": 200,
        "MarketContext.sectors": 14,
        "MarketContext.missing": 100,
        "Depth.bids": 5,
        "Depth.asks": 5,
    },
    most_rows={"Query.candles": 500, "Instrument.candles": 500},
    field_costs={
        "CandleSeries.indicators": 5_000,
        "Query.optionChain": 1_000,
        "Subscription.optionChain": 1_000,
        "MarketContext.breadth": 500,
        "MarketContext.movers": 500,
    },
)
"""Rows where no argument tells: a chart by dates has some hundred bars (all charts of an operation together are bounded
when their bars are there, so `last` counts for no more), an index 50 members and rarely 500, the book
five levels a side. Ten indicators over the longest series take as long as some ten thousand fields; a chain of options
takes 2 to 4 ms beside its fields, and so does the first look at a large index."""


COUNTED_ORIGINS = ((QuoteOrigin.STREAM, "fromStream"), (QuoteOrigin.CACHE, "fromCache"))
"""What an operation's cost tells of them; prices from upstream are counted where they come in, once for all."""


def create_app(
    settings: Settings,
    *,
    secrets: Secrets | None = None,
    clock: Clock | None = None,
    timing: Timing = DEFAULT_TIMING,
) -> Starlette:
    """The service as an ASGI application: its lifespan opens the runtime and closes it.

    `secrets`: what the logs hide; it learns the tokens. `clock`: the system's unless given. `app.state.stop_hooks`
    are for the server, to be run when nothing more is accepted. Raises OriginError for a CORS_ORIGINS that makes no
    sense.
    """
    origins = AllowedOrigins(settings.cors_origins, settings.base_url)
    inner = _Inner()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with open_runtime(settings, clock=clock, secrets=secrets, timing=timing) as runtime:
            # Building the schema takes a tenth of a second and looks at files.
            inner.app = await to_thread.run_sync(Endpoints, runtime, origins)
            async with inner.app.live.opened():
                yield

    app = Application(lifespan, _front(inner, settings, origins))
    app.state.stop_hooks = (inner.end_sockets, inner.end_requests)
    return app


class Application(Starlette):
    """The lifespan of Starlette, around everything; requests pass its own middleware and routing by."""

    def __init__(self, lifespan: Lifespan["Application"], front: ASGIApp) -> None:
        super().__init__(lifespan=lifespan)
        self._front = front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start and stop, or answer a request, or serve a socket."""
        if scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
        else:
            await self._front(scope, receive, send)


class Endpoints:
    """What a running service answers to: GraphQL on every transport, and plain HTTP beside it."""

    def __init__(self, runtime: Runtime, origins: AllowedOrigins) -> None:
        self._runtime = runtime
        self._services = _services(runtime)
        self._role_of = RoleOf(runtime.settings.admin_token)
        self._engine = engine = Engine(build_schema(), on_operation=self._operation_ended, cost_model=COST_MODEL)
        self.live = LiveStreams(engine, STREAMS, rights=_role, on_merged=runtime.metrics.updates_merged)
        self.http = GraphQLHttp(engine, context_factory=self._context, graphiql=graphiql_page, live=self.live)
        self.websocket = GraphQLWebSocket(engine, context_factory=self._context, allowed_origin=origins, live=self.live)
        self._app = Starlette(routes=self._routes())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request or serve a socket: GraphQL at once, everything else by Starlette's routing."""
        if scope["path"] != GRAPHQL_PATH:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self.http(scope, receive, send)
        else:
            await self.websocket(scope, receive, send)

    def _routes(self) -> list[BaseRoute]:
        runtime = self._runtime
        return [
            Route(GRAPHQL_PATH, self.http, methods=None),
            WebSocketRoute(GRAPHQL_PATH, self.websocket),
            graphiql_assets(),
            *health_routes(readiness_checks(runtime)),
            metrics_route(runtime.metrics, self._state),
            *login_routes(
                runtime.sessions,
                source=runtime.settings.source,
                secure=runtime.settings.base_url.startswith("https:"),
            ),
            Route("/", _to_graphiql),
        ]

    def _context(self, connection: ConnectionInfo) -> RequestContext:
        return RequestContext(self._services, self._role_of(connection))

    def _operation_ended(self, record: OperationRecord) -> None:
        log_operation(record)
        metrics = self._runtime.metrics
        metrics.operation(record)
        cost = record.extensions.get("cost")
        if isinstance(cost, dict):
            for origin, key in COUNTED_ORIGINS:
                if cost[key]:
                    metrics.quotes(origin, cost[key])

    def _state(self) -> ServiceState:
        return service_state(
            self._runtime, connections=self.websocket.open_sockets, running_operations=self._engine.running
        )


def _role(context: RequestContext) -> Role:
    """All that results depend on beside the operation: who may do the same may share a stream."""
    return context.role


class _Inner:
    """The endpoints, once the lifespan has opened them."""

    app: Endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    async def end_sockets(self) -> None:
        """Complete what runs on WebSockets and tell subscribers to come back."""
        await self.app.websocket.close_all()

    async def end_requests(self) -> None:
        """The same for HTTP."""
        await self.app.http.close_all()


def _services(runtime: Runtime) -> Services:
    return Services(
        clock=runtime.clock,
        server=ServerInfo(__version__, runtime.settings.environment, _labels(runtime.settings), runtime.started_at),
        instruments=runtime.instruments,
        quotes=runtime.quotes,
        history=runtime.history,
        indicators=IndicatorService(runtime.history),
        phases=runtime.phases,
        sessions=runtime.sessions,
        jobs=runtime.jobs,
        providers=runtime.providers,
        feed=runtime.feed,
        live_quotes=runtime.live_quotes,
        live_ticks=runtime.live_ticks,
        live_candles=runtime.live_candles,
        quotes_of=runtime.quotes_of,
        members=runtime.members,
        market=runtime.market,
        options=runtime.options,
        fundamentals=runtime.fundamentals,
    )


def _front(inner: ASGIApp, settings: Settings, origins: AllowedOrigins) -> ASGIApp:
    """What every request passes, from the outside in."""
    app: ASGIApp = Cors(inner, allowed=origins)
    if settings.is_loopback:
        app = LoopbackHosts(app, own=settings.base_url)
    return RequestIds(app)


def _labels(settings: Settings) -> tuple[DataSource, ...]:
    """What the data of this service may be labelled as."""
    labels = [settings.source, *([settings.yahoo_source] if settings.has_yahoo else [])]
    return tuple(dict.fromkeys(labels))


async def _to_graphiql(_: Request) -> Response:
    return RedirectResponse(GRAPHQL_PATH)
