"""Kite's ticker: up to three sockets behind one TickSource.

The live feed says what it wants and is the sink of what arrives; `app.runtime` constructs it.
KiteTicker of kiteconnect is not used (no TLS verification, no stall detection, upstream.md 1.6); its
decoder is the oracle of our tests.
"""

import ssl
from collections.abc import Callable, Iterator, Mapping

import anyio
from anyio.lowlevel import checkpoint

from app.domain.feeds import FeedState, FeedStatus
from app.domain.provenance import DataSource
from app.ports import Clock, TickSink, Wanted
from app.providers.kite.allotment import Allotment
from app.providers.kite.connection import Connection, Surroundings, TickerTokens
from app.providers.kite.dial import Line
from app.providers.kite.intake import Counters, Intake
from app.providers.kite.ticker_settings import TickerSettings

WORST_FIRST = (
    FeedState.LOGIN_REQUIRED,
    FeedState.RATE_LIMITED,
    FeedState.DOWN,
    FeedState.STALLED,
    FeedState.CONNECTING,
    FeedState.LIVE,
)
"""A feed is in the state of its worst socket, or a reader would take old prices for live ones."""


class KiteTickSource:
    """A TickSource over Kite's binary ticker.

    Opens as many sockets as the instruments need, and one when there are none, so that the feed's
    state is always known. Buffers the newest packet of each token until the next flush. Not
    thread-safe; `want` never waits; cancelling `run` closes the sockets at once.
    """

    def __init__(  # noqa: PLR0913 -- the one place where its surroundings are handed over
        self,
        url: str,
        api_key: str,
        tokens: TickerTokens,
        *,
        source: DataSource,
        clock: Clock,
        is_trading: Callable[[], bool | None],
        settings: TickerSettings | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        settings = settings or TickerSettings()
        # Reading the system's authorities blocks for 20 ms: once here, not at each dial on the event loop.
        tls = tls or (ssl.create_default_context() if url.startswith("wss:") else None)
        line = Line(url, api_key, settings.open_timeout, settings.close_timeout, tls)
        self.source = source
        self.capacity = settings.sockets * settings.instruments_per_socket
        self._clock = clock
        self._settings = settings
        self._intake = Intake(source)
        self._allotment = Allotment(settings.sockets, settings.instruments_per_socket)
        surroundings = Surroundings(line, tokens, self._intake, clock, is_trading, settings)
        self._connections = [
            Connection(surroundings, keep_open=index == 0, report=self._tell) for index in range(settings.sockets)
        ]
        self._status = FeedStatus(FeedState.CONNECTING, clock.now())
        self._sink: TickSink | None = None

    @property
    def counters(self) -> Counters:
        """What the ticker saw since it was built."""
        return self._intake.counters

    @property
    def packets(self) -> int:
        """Packets received since it was built."""
        return self._intake.counters.packets

    def want(self, wanted: Mapping[str, Wanted]) -> None:
        """Carry exactly these; instruments without a token are left out, and so is what exceeds the capacity."""
        by_token = {
            want.instrument.instrument_token: want
            for want in wanted.values()
            if want.instrument.instrument_token is not None
        }
        self._intake.bind(by_token)
        shares = self._allotment.divide({token: want.mode for token, want in by_token.items()})
        for connection, share in zip(self._connections, shares, strict=True):
            connection.want(share)
        self._tell()

    async def run(self, sink: TickSink) -> None:
        """Keep the stream up until cancelled. One run at a time."""
        self._sink = sink
        self._intake.deliver_to(sink)
        sink.feed_changed(self._status, interrupted=False)
        async with anyio.create_task_group() as group:
            group.start_soon(self._flush_forever, sink)
            for connection in self._connections:
                group.start_soon(connection.run)

    async def _flush_forever(self, sink: TickSink) -> None:
        while True:
            spent, slices = 0.0, self._intake.flush(sink)
            while (worked := self._timed(slices)) is not None:
                spent += worked
                await checkpoint()
            # At most a third of the time goes into decoding: what arrives meanwhile is merged, not queued.
            await anyio.sleep(max(self._settings.flush_interval, 2 * spent))

    def _timed(self, slices: Iterator[None]) -> float | None:
        """Seconds that the next slice took; None if there is none."""
        started = self._clock.monotonic()
        is_last = next(slices, True)
        return None if is_last else self._clock.monotonic() - started

    def _tell(self, lost: frozenset[str] = frozenset()) -> None:
        """Tell the sink what has changed: a state of a connection, or that the instruments `lost` were lost."""
        if self._sink is None:
            return
        if lost:
            # What had arrived belongs before the break.
            for _ in self._intake.flush(self._sink):
                pass
        status = self._present_status()
        if lost or status is not self._status:
            self._status = status
            self._sink.feed_changed(status, interrupted=bool(lost), instruments=lost)

    def _present_status(self) -> FeedStatus:
        known = [(each.state, each.message) for each in self._connections if each.is_needed and each.state is not None]
        if not known:
            return self._status
        state, message = min(known, key=lambda each: WORST_FIRST.index(each[0]))
        if (state, message) == (self._status.state, self._status.message):
            return self._status
        since = self._status.since if state is self._status.state else self._clock.now()
        return FeedStatus(state, since, message)
