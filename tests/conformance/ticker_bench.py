"""What the ticker cards need of a stream under test, and Kite's bench: the real ticker and feed against the sandbox."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import anyio
from anyio import to_thread
from websockets.asyncio.client import connect

from app.clock import SystemClock
from app.domain.feeds import FeedState
from app.domain.instruments import Instrument, InstrumentKind
from app.domain.provenance import DataSource
from app.domain.quotes import Quote, StreamMode
from app.providers.kite.session import KiteTokens
from app.providers.kite.ticker import KiteTickSource
from app.providers.kite.ticker_settings import TickerSettings
from app.streaming.feed import LiveFeed
from tests.conformance.rest_bench import sandbox_market
from tests.support.patience import PATIENCE
from tests.support.sandbox import RunningSandbox, running_sandbox

PER_SOCKET = 1_000
"""A third of Kite's limit, on both sides: the sandbox lists fewer instruments than three sockets carry."""

QUICK = TickerSettings(
    instruments_per_socket=PER_SOCKET, silence=2.0, first_delay=0.2, longest_delay=0.4, refused_delay=0.2
)


@dataclass(frozen=True, slots=True)
class TickerBench:
    """One stream, its upstream, and instruments by their part in the cards."""

    feed: LiveFeed
    listed: dict[str, Instrument]
    share: Instrument
    index: Instrument
    never: Instrument
    """Listed, and without any price."""
    fault: Callable[..., Awaitable[int]]
    """Cause a fault of the sandbox."""
    open_sockets: Callable[[], int]
    subscribed: Callable[[], int]
    """Instruments that the upstream counts."""
    dials: Callable[[], int]

    def many(self, count: int) -> list[Instrument]:
        """That many instruments that have a price."""
        priced = (one for one in self.listed.values() if one.kind is not InstrumentKind.OTHER)
        return [one for one, _ in zip(priced, range(count), strict=False)]

    async def reach(self, state: FeedState, *, within: float = PATIENCE) -> None:
        """Wait until the feed is in this state."""
        with anyio.fail_after(within):
            async for _ in self.feed.changes():
                if self.feed.status.state is state:
                    return

    async def latest(self, instrument: Instrument, mode: StreamMode = StreamMode.FULL) -> Quote:
        """The streamed state, as soon as there is one."""
        with anyio.fail_after(PATIENCE):
            while (quote := self.feed.latest(instrument.id, mode)) is None:  # noqa: ASYNC110 -- reading is what is tested
                await anyio.sleep(0.01)
        return quote


@dataclass(frozen=True, slots=True)
class BrokerTickerBench(TickerBench):
    """A stream that also has a login, modes, contracts and a limit of sockets."""

    contract: Instrument
    log_in: Callable[[], Awaitable[None]]
    hold_sockets: Callable[[int], AbstractAsyncContextManager[None]]
    """Let another process hold so many of the account's sockets."""


OpenTickerBench = Callable[..., AbstractAsyncContextManager[TickerBench]]
OpenBrokerTickerBench = Callable[..., AbstractAsyncContextManager[BrokerTickerBench]]


@asynccontextmanager
async def open_kite_ticker_bench() -> AsyncIterator[BrokerTickerBench]:
    """Kite's ticker, logged in at a sandbox that ticks every 50 ms."""
    market = await to_thread.run_sync(sandbox_market)
    async with running_sandbox(
        market=market, rate_limits=None, tick_seconds=0.05, heartbeat_seconds=0.1, max_tokens_per_socket=PER_SOCKET
    ) as sandbox:
        tokens, clock = KiteTokens(await sandbox.login()), SystemClock()
        tokens.on_rejected(lambda _token: tokens.replace(None))
        source = KiteTickSource(
            sandbox.ticker_url,
            sandbox.api_key,
            tokens,
            source=DataSource.SANDBOX,
            clock=clock,
            is_trading=lambda: True,
            settings=QUICK,
        )
        feed = LiveFeed(source, clock=clock)
        async with anyio.create_task_group() as group:
            group.start_soon(feed.run)
            yield _bench(feed, sandbox, tokens, {row.instrument.id: row.instrument for row in market.listed})
            group.cancel_scope.cancel()


def _bench(
    feed: LiveFeed, sandbox: RunningSandbox, tokens: KiteTokens, listed: dict[str, Instrument]
) -> BrokerTickerBench:
    async def log_in() -> None:
        tokens.replace(await sandbox.login())

    @asynccontextmanager
    async def hold_sockets(count: int) -> AsyncIterator[None]:
        address = sandbox.socket_url(await sandbox.login())
        async with AsyncExitStack() as held:
            for _ in range(count):
                await held.enter_async_context(connect(address))
            yield

    sockets = sandbox.parts.ticker.sockets
    return BrokerTickerBench(
        feed=feed,
        listed=listed,
        share=listed["NSE:INFY"],
        index=listed["NSE:NIFTY 50"],
        contract=next(one for one in listed.values() if one.kind is InstrumentKind.FUTURE),
        never=listed["NSE:925IIFL32A-N0"],
        fault=sandbox.fault,
        open_sockets=lambda: len(sockets()),
        subscribed=lambda: sum(len(socket.subscriptions) for socket in sockets()),
        dials=lambda: sandbox.count("ticker"),
        log_in=log_in,
        hold_sockets=hold_sockets,
    )
