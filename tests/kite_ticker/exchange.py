"""A ticker's other side on a real socket, in the running loop, and a sink: they do what a test tells them."""

import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import anyio
import orjson
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from app.clock import SystemClock
from app.domain.feeds import FeedState, FeedStatus
from app.domain.instruments import Exchange, Instrument, InstrumentKind
from app.domain.provenance import DataSource
from app.domain.quotes import Quote, StreamMode
from app.domain.ticks import Tick
from app.ports import Wanted
from app.providers.kite.session import KiteTokens
from app.providers.kite.ticker import KiteTickSource
from app.providers.kite.ticker_settings import TickerSettings
from tests.kite_ticker.wire import HEARTBEAT
from tests.support.patience import PATIENCE

QUICK = TickerSettings(
    silence=1.5, silence_closed=60.0, first_delay=0.05, longest_delay=0.4, refused_delay=0.2, healthy_after=0.5
)
"""The same rules at a tenth of the time; silence is longer than a loaded machine may pause."""

FIRST_TOKEN = "secret-1"

BEAT_S = 0.1


class FusedClock(SystemClock):
    """The real clock, until a test cuts its wire: then the next reading fails, once."""

    def __init__(self) -> None:
        self.cut = False

    def now(self) -> datetime:
        """The present instant, or a failure that nobody expects."""
        if self.cut:
            self.cut = False
            raise ZeroDivisionError
        return super().now()


@dataclass(eq=False)
class Seat:
    """One socket as the exchange sees it."""

    socket: ServerConnection
    token: str
    modes: dict[int, str] = field(default_factory=dict)
    messages: list[tuple[str, int]] = field(default_factory=list)
    """Each request's action and number of tokens."""

    def read(self, text: str) -> None:
        """Do what a request says, as Kite does."""
        request = orjson.loads(text)
        action, value = request["a"], request["v"]
        tokens = value[1] if action == "mode" else value
        self.messages.append((action, len(tokens)))
        for token in tokens:
            if action == "unsubscribe":
                del self.modes[token]
            elif action == "subscribe":
                self.modes[token] = "quote"
            else:
                assert token in self.modes, "a mode before its subscription"
                self.modes[token] = value[0]


class ScriptedExchange:
    """Accepts sockets, keeps their subscriptions, beats, and misbehaves when it is told to."""

    def __init__(self) -> None:
        self.seats: list[Seat] = []
        """Open sockets."""
        self.dials: list[str] = []
        """The access_token of each dial, refused ones included."""
        self.dialled_at: list[float] = []
        """The loop's time of each."""
        self.raw_queries: list[str] = []
        self.refuse: Callable[[str], int | None] = lambda _token: None
        """HTTP status of a refusal, by access_token; None: welcome."""
        self.greet: Callable[[Seat], Awaitable[None]] | None = None
        """What happens on a new socket before its first heartbeat."""
        self.silent = False
        """No heartbeats."""
        self.url = ""

    @property
    def modes(self) -> dict[int, str]:
        """Subscriptions of all sockets."""
        return {token: mode for seat in self.seats for token, mode in seat.modes.items()}

    async def send(self, message: bytes | str) -> None:
        """Send to every socket."""
        for seat in list(self.seats):
            await seat.socket.send(message)

    def drop(self) -> None:
        """Break every line, without a goodbye."""
        for seat in self.seats:
            seat.socket.transport.abort()

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """The upgrade: note the dial, and refuse it if the script says so."""
        query = urlsplit(request.path).query
        token = parse_qs(query)["access_token"][0]
        self.dials.append(token)
        self.dialled_at.append(anyio.current_time())
        self.raw_queries.append(query)
        status = self.refuse(token)
        return None if status is None else connection.respond(HTTPStatus(status), "refused\n")

    async def attend(self, socket: ServerConnection) -> None:
        """One socket's life."""
        assert socket.request is not None
        seat = Seat(socket, parse_qs(urlsplit(socket.request.path).query)["access_token"][0])
        self.seats.append(seat)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._beat, seat)
                async for message in socket:
                    seat.read(str(message))
                group.cancel_scope.cancel()
        finally:
            self.seats.remove(seat)

    async def _beat(self, seat: Seat) -> None:
        if self.greet:
            await self.greet(seat)
        while True:
            if not self.silent:
                await seat.socket.send(HEARTBEAT)
            await anyio.sleep(BEAT_S)


@asynccontextmanager
async def scripted_exchange(tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedExchange]:
    """An exchange on an ephemeral port, closed with the block; with `tls`, behind wss://localhost."""
    exchange = ScriptedExchange()

    async def attend(socket: ServerConnection) -> None:
        # Lines that tests break end in connection errors here, and they are meant to.
        try:
            await exchange.attend(socket)
        except* Exception as errors:
            if exchange_bug(errors):
                raise

    server: Server = await serve(
        attend,
        "127.0.0.1",
        0,
        process_request=exchange.admit,
        compression=None,
        ping_interval=None,
        close_timeout=0.2,
        ssl=tls,
    )
    port = next(iter(server.sockets)).getsockname()[1]
    exchange.url = f"ws://127.0.0.1:{port}" if tls is None else f"wss://localhost:{port}"
    try:
        yield exchange
    finally:
        exchange.drop()
        server.close()
        await server.wait_closed()


def exchange_bug(errors: BaseExceptionGroup[Exception]) -> bool:
    """Whether there is anything but closed connections in it."""
    return errors.split(lambda error: type(error).__module__ == "websockets.exceptions")[1] is not None


@dataclass
class RecordingSink:
    """A TickSink that keeps everything."""

    quotes: dict[str, Quote] = field(default_factory=dict)
    ticks: dict[str, list[Tick]] = field(default_factory=lambda: defaultdict(list))
    states: list[FeedState] = field(default_factory=list)
    messages: list[str | None] = field(default_factory=list)
    interruptions: list[Collection[str] | None] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    """What happened in which order."""

    def publish_quotes(self, quotes: Sequence[Quote]) -> None:
        """Keep the newest."""
        self.quotes.update((quote.id, quote) for quote in quotes)
        self.log.append("quotes")

    def publish_ticks(self, ticks: Sequence[Tick]) -> None:
        """Keep all."""
        for tick in ticks:
            self.ticks[tick.id].append(tick)
        self.log.append("ticks")

    def feed_changed(
        self, status: FeedStatus, *, interrupted: bool, instruments: Collection[str] | None = None
    ) -> None:
        """Keep states without their repetitions."""
        if not self.states or self.states[-1] is not status.state:
            self.states.append(status.state)
        self.messages.append(status.message)
        if interrupted:
            self.interruptions.append(instruments)
            self.log.append("interrupted")

    @property
    def state(self) -> FeedState | None:
        """The newest one."""
        return self.states[-1] if self.states else None


@dataclass
class Stage:
    """A running ticker in front of a scripted exchange."""

    exchange: ScriptedExchange
    source: KiteTickSource
    sink: RecordingSink
    tokens: KiteTokens
    rejected: list[str]
    clock: FusedClock


@asynccontextmanager
async def running_ticker(
    *,
    token: str | None = FIRST_TOKEN,
    settings: TickerSettings = QUICK,
    trading: Callable[[], bool | None] = lambda: True,
    prepare: Callable[[ScriptedExchange], None] = lambda _exchange: None,
    server_tls: ssl.SSLContext | None = None,
    client_tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Stage]:
    """A ticker that runs until the block is left; `prepare` scripts the exchange before the first dial."""
    async with scripted_exchange(server_tls) as exchange:
        prepare(exchange)
        tokens, rejected, clock = KiteTokens(token), list[str](), FusedClock()
        tokens.on_rejected(rejected.append)
        source = KiteTickSource(
            exchange.url,
            "my key&",
            tokens,
            source=DataSource.SANDBOX,
            clock=clock,
            is_trading=trading,
            settings=settings,
            tls=client_tls,
        )
        sink = RecordingSink()
        async with anyio.create_task_group() as group:
            group.start_soon(source.run, sink)
            yield Stage(exchange, source, sink, tokens, rejected, clock)
            group.cancel_scope.cancel()


def instrument(number: int, segment: int = 1) -> Instrument:
    """An instrument whose token is `number` of a segment."""
    return Instrument(
        id=f"NSE:S{number}",
        exchange=Exchange.NSE,
        symbol=f"S{number}",
        name=None,
        kind=InstrumentKind.EQUITY,
        segment="NSE",
        instrument_token=number << 8 | segment,
        exchange_token=number,
        tick_size=0.05,
        lot_size=1,
        expiry=None,
        strike=None,
        underlying_id=None,
        currency="INR",
    )


def token_of(number: int) -> int:
    """The instrument token of `instrument(number)`."""
    return number << 8 | 1


def wants(*numbers: int, mode: StreamMode = StreamMode.FULL, every_tick: bool = False) -> dict[str, Wanted]:
    """A desired state."""
    return {instrument(number).id: Wanted(instrument(number), mode, every_tick=every_tick) for number in numbers}


async def until(condition: Callable[[], object], *, within: float = PATIENCE) -> None:
    """Wait until it holds; a test that waits in vain fails here."""
    with anyio.fail_after(within):
        while not condition():  # noqa: ASYNC110 -- it waits for effects that fire no event
            await anyio.sleep(0.005)


def refusing(status: int | None, *tokens: str) -> Callable[[ScriptedExchange], None]:
    """A script for `prepare`: refuse these tokens, or all if none is named."""

    def prepare(exchange: ScriptedExchange) -> None:
        exchange.refuse = lambda token: status if token in tokens or not tokens else None

    return prepare
