"""Yahoo's stream: one socket behind a TickSource.

The live feed says what it wants and is the sink of what arrives; `app.runtime` constructs it. The AsyncWebSocket of
yfinance is not used: after a clean close it holds the event loop for ever, after any other it never dials again
(upstream.md 3.4). Its message, PricingData, is.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from enum import Enum, auto
from http import HTTPStatus

import anyio
import structlog
from anyio import to_thread
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from app.domain.errors import NotSupported
from app.domain.feeds import FeedState, FeedStatus
from app.ports import Clock, TickSink, Wanted
from app.providers.backoff import Backoff
from app.providers.race import first_of
from app.providers.yahoo.config import YahooConfig
from app.providers.yahoo.intake import Counters, Intake, IsOpen, subscriptions, untaught
from app.providers.yahoo.silence import SilenceWatch
from app.providers.yahoo.stream_settings import StreamSettings
from app.providers.yahoo.symbols import to_yahoo_symbol
from app.providers.yahoo.updates import Update

MAX_MESSAGE_BYTES = 64 << 10
"""A price takes 300 bytes; nothing else that Yahoo sends comes near."""

_log = structlog.get_logger(__name__)


class DialFailed(Exception):
    """The stream could not be reached. The message is fit for a person."""


class Refused(DialFailed):
    """429 at the upgrade."""


class Ending(Enum):
    """Why the life of a socket ended."""

    DROPPED = auto()
    """The other side closed it, in good order or not, or the line broke."""
    STALLED = auto()
    """It said nothing for too long."""


class YahooTicker:
    """A TickSource over Yahoo's streamer.

    Keeps one socket open, so that the feed's state is always known. Buffers the newest state of each symbol until the
    next flush. Not thread-safe; `want` never waits; cancelling `run` closes the socket at once.
    """

    def __init__(
        self,
        config: YahooConfig,
        *,
        clock: Clock,
        open_now: Callable[[], IsOpen],
        settings: StreamSettings | None = None,
        tls: ssl.SSLContext | None = None,
        learn: Callable[[str, str | None], None] = untaught,
    ) -> None:
        """`open_now`: by the calendar of this moment. `learn` is told what currency a message has, by its symbol."""
        self.source = config.source
        self._settings = settings or StreamSettings()
        self.capacity = self._settings.capacity
        self._url = config.stream_url
        # Reading the system's authorities blocks for 20 ms: once here, not at each dial on the event loop.
        self._tls = tls or (ssl.create_default_context() if config.stream_url.startswith("wss:") else None)
        self._clock = clock
        self._open_now = open_now
        self._silence = SilenceWatch(self._settings)
        self._intake = Intake(self.source, learn)
        self._backoff = Backoff(self._settings.first_delay, self._settings.longest_delay)
        self._wanted: frozenset[str] = frozenset()
        self._changed = asyncio.Event()
        self._dials = 0
        self._status = FeedStatus(FeedState.CONNECTING, clock.now())
        self._sink: TickSink | None = None

    @property
    def counters(self) -> Counters:
        """What the stream saw since it was built."""
        return self._intake.counters

    @property
    def packets(self) -> int:
        """Prices received since it was built."""
        return self._intake.counters.packets

    def want(self, wanted: Mapping[str, Wanted]) -> None:
        """Carry exactly these; what Yahoo does not have is left out, and so is what exceeds the capacity."""
        behind: dict[str, tuple[Wanted, ...]] = {}
        for want in wanted.values():
            try:
                symbol = to_yahoo_symbol(want.instrument)
            except NotSupported:
                continue
            if symbol in behind or len(behind) < self.capacity:
                behind[symbol] = (*behind.get(symbol, ()), want)
        self._intake.bind(behind)
        if behind.keys() != self._wanted:
            self._wanted = frozenset(behind)
            self._changed.set()

    async def run(self, sink: TickSink) -> None:
        """Keep the stream up until cancelled. One run at a time."""
        self._sink = sink
        self._intake.deliver_to(sink)
        sink.feed_changed(self._status, interrupted=False)
        async with anyio.create_task_group() as group:
            group.start_soon(self._flush_forever, sink)
            group.start_soon(self._live_forever)

    async def _flush_forever(self, sink: TickSink) -> None:
        while True:
            await anyio.sleep(self._settings.flush_interval)
            self._intake.flush(sink)

    async def _live_forever(self) -> None:
        while True:
            try:
                await self._live_once()
            except Exception:  # noqa: BLE001 -- the supervised loop: one broken socket must not end the feed
                _log.exception("yahoo_stream_failed", dials=self._dials)
                await self._retry("the stream failed unexpectedly; see the log")

    async def _live_once(self) -> None:
        """From nothing to an open socket and back, with the wait that follows."""
        self.counters.redials += self._dials > 0
        self._dials += 1
        try:
            socket = await self._dial()
        except Refused as refusal:
            self._enter(FeedState.RATE_LIMITED, str(refusal))
            await anyio.sleep(self._settings.refused_delay)
        except DialFailed as failure:
            await self._retry(str(failure))
        else:
            await self._after(await self._use(socket))

    async def _dial(self) -> ClientConnection:
        settings = self._settings
        try:
            return await connect(
                self._url,
                compression=None,
                ping_interval=settings.ping_interval,
                ping_timeout=settings.ping_timeout,
                max_size=MAX_MESSAGE_BYTES,
                open_timeout=settings.open_timeout,
                close_timeout=settings.close_timeout,
                ssl=self._tls,
            )
        except InvalidStatus as error:
            raise _refusal(error.response.status_code) from None
        except TimeoutError:
            raise DialFailed(f"Yahoo's stream did not answer within {settings.open_timeout:g} s") from None
        except ssl.SSLCertVerificationError:
            msg = "the certificate of Yahoo's stream is not valid for its address; nothing was sent to it"
            raise DialFailed(msg) from None
        except (OSError, WebSocketException) as error:
            raise DialFailed(f"Yahoo's stream cannot be reached ({type(error).__name__})") from None

    async def _use(self, socket: ClientConnection) -> Ending:
        """Read the socket until it ends; it is closed after this."""
        opened = self._clock.monotonic()
        self._silence.begin(opened, self.counters.frames)
        self._enter(FeedState.LIVE)
        try:
            ending = await first_of(
                lambda: self._receive(socket),
                lambda: self._subscribe(socket),
                self._watch_silence,
            )
            self._silence.end(self.counters.frames, stalled=ending is Ending.STALLED)
            return ending
        finally:
            socket.transport.abort()
            if self._clock.monotonic() - opened >= self._settings.healthy_after:
                self._backoff.reset()

    async def _receive(self, socket: ClientConnection) -> Ending:
        try:
            while True:
                self._intake.accept(await socket.recv(), self._clock.now())
        except ConnectionClosed:
            return Ending.DROPPED

    async def _subscribe(self, socket: ClientConnection) -> Ending:
        """Send the difference whenever something else is wanted, and the whole list now and then."""
        carried: frozenset[str] = frozenset()
        try:
            while True:
                self._changed.clear()
                wanted = self._wanted
                if wanted and self._intake.decode is None:
                    self._intake.decode = await to_thread.run_sync(_load_decoder, abandon_on_cancel=True)
                await self._send(socket, "unsubscribe", carried - wanted)
                await self._send(socket, "subscribe", wanted - carried)
                carried = wanted
                with anyio.move_on_after(self._settings.resubscribe_interval) as idle:
                    await self._changed.wait()
                if idle.cancelled_caught:
                    carried = frozenset()
        except ConnectionClosed:
            return Ending.DROPPED

    async def _send(self, socket: ClientConnection, action: str, symbols: frozenset[str]) -> None:
        for request in subscriptions(action, symbols, chunk=self._settings.chunk):
            await socket.send(request)

    async def _watch_silence(self) -> Ending:
        while True:
            await anyio.sleep(self._silence.pause)
            may_trade = self._intake.may_trade(self._open_now())
            if self._silence.is_dead(self._clock.monotonic(), self.counters.frames, may_trade=may_trade):
                return Ending.STALLED

    async def _after(self, ending: Ending) -> None:
        self._lose()
        if ending is Ending.STALLED:
            self._enter(FeedState.STALLED, "no message for too long; dialling again")
            await anyio.sleep(self._backoff.fail())
        else:
            await self._retry("the connection was lost; dialling again")

    async def _retry(self, reason: str) -> None:
        wait = self._backoff.fail()
        if self._backoff.failures >= self._settings.down_after:
            self._enter(FeedState.DOWN, reason)
        elif self._status.state is not FeedState.STALLED:
            self._enter(FeedState.CONNECTING, reason)
        await anyio.sleep(wait)

    def _lose(self) -> None:
        """What had arrived belongs before the break; what was collected may have changed since."""
        if self._sink is None:
            return
        self._intake.flush(self._sink)
        lost = self._intake.ids_of(self._wanted)
        self._intake.forget()
        if lost:
            self._sink.feed_changed(self._status, interrupted=True, instruments=lost)

    def _enter(self, state: FeedState, message: str | None = None) -> None:
        if (state, message) == (self._status.state, self._status.message):
            return
        since = self._status.since if state is self._status.state else self._clock.now()
        self._status = FeedStatus(state, since, message)
        if self._sink is not None:
            self._sink.feed_changed(self._status, interrupted=False)


def _refusal(status: int) -> DialFailed:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Refused("Yahoo refuses another stream for this address (429)")
    return DialFailed(f"Yahoo's stream answered the upgrade with HTTP {status}")


def _load_decoder() -> Callable[[bytes], Update]:
    """In a worker thread: the message class brings all of yfinance with it."""
    from app.providers.yahoo.pricing import decode  # noqa: PLC0415 -- 70 MB and 0.7 s, only for who streams from Yahoo

    return decode
