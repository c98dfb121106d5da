"""Ticks through a real socket, to the readers of the feed. `python -m bench.intake`.

A ticker in a process of its own sends what was built before, as fast as we read; this process is a service without
its HTTP side: uvloop, garbage collected as in `serve`, the ticker, the live feed, and one reader of everything.
Beside it: what it costs to hand a flush to many readers, and 3,000 subscriptions after a break.
"""

import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import islice
from statistics import median
from time import perf_counter, process_time
from typing import IO, cast

import anyio
import orjson
from anyio import to_thread

from app.clock import SystemClock
from app.domain.feeds import FeedState
from app.domain.garbage import collections_for_serving, exempt_what_lives
from app.domain.provenance import DataSource
from app.domain.quotes import Quote, StreamMode
from app.domain.ticks import Tick
from app.providers.kite.packets import decode_quote
from app.providers.kite.session import KiteTokens
from app.providers.kite.ticker import KiteTickSource
from app.providers.kite.ticker_settings import TickerSettings
from app.streaming.feed import LiveFeed
from app.streaming.quotebox import QuoteMailbox
from app.streaming.tickbox import TickMailbox
from bench.report import Row, ms, show
from bench.sender import FULL, LTP, QUOTE, Load, one_round
from tests.kite_ticker.exchange import QUICK, Stage, instrument, running_ticker, until, wants

ROUNDS = 3
INSTRUMENTS = 2_999
"""With the mark, as many as a socket of Kite carries."""
MARK = f"NSE:S{INSTRUMENTS + 1}"
"""Id of the instrument whose price tells that a burst has passed."""
PACKETS = 150_000
BAR = 200_000
"""Ticks a second that a process has to take in."""
LOADS = {
    "full, 1 packet a message": Load(INSTRUMENTS, PACKETS, (1,), (FULL,)),
    "full, 20 a message": Load(INSTRUMENTS, PACKETS, (20,), (FULL,)),
    "full, 200 a message": Load(INSTRUMENTS, PACKETS, (200,), (FULL,)),
    "all modes, 1, 20, 200 a message": Load(INSTRUMENTS, PACKETS, (1, 20, 200), (FULL, QUOTE, LTP)),
}
READERS, STREAMED, EACH, PER_SECOND = 1_000, 2_000, 10, 2
"""Mailboxes of the fan-out, instruments in all, instruments of one mailbox, ticks of an instrument a second."""
AGAIN = 3_000
FIRST_DELAY = 0.05
"""Seconds before the first dial after a break; part of the time that is shown."""


def main() -> int:
    """Print the table."""
    with collections_for_serving():
        exempt_what_lives()
        rows = anyio.run(measure, backend_options={"use_uvloop": True})
    show(f"tick intake (bar: {BAR:,} a second)", rows)
    return 0


async def measure() -> list[Row]:
    """Newest of each instrument, then every tick, then what follows and what precedes."""
    rows = [await intake_row(what, load, every_tick=every) for every in (False, True) for what, load in LOADS.items()]
    return [*rows, await fan_out_row(), await resubscribed_row()]


# ------------------------------------------------------------ from the socket to the readers


@dataclass(frozen=True, slots=True)
class Speed:
    """Ticks a second."""

    wall: float
    """By the clock on the wall, the sender beside us."""
    core: float
    """By the time that this process computed."""


async def intake_row(what: str, load: Load, *, every_tick: bool) -> Row:
    """The median of a few bursts over one socket."""
    async with receiving(every_tick=every_tick) as line:
        speeds = [await line.burst(load) for _ in range(ROUNDS)]
    wall, core = median(speed.wall for speed in speeds), median(speed.core for speed in speeds)
    kept = "every tick" if every_tick else "newest"
    verdict = "reached" if wall >= BAR else "MISSED"
    return f"{what}; {kept}", f"{wall:,.0f} a second", f"{core:,.0f} a second of CPU; bar {verdict}"


@contextmanager
def sending() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """A sender's stdin and stdout; it ends with the block."""
    command = [sys.executable, "-m", "bench.sender"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603 -- our own
        try:
            yield cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        finally:
            process.kill()


class Line:
    """A sender, and what reads from it."""

    def __init__(self, orders: IO[bytes], answers: IO[bytes], *, reads_ticks: bool) -> None:
        self._orders = orders
        self._answers = answers
        self._reads_ticks = reads_ticks
        self._mark = 0
        self._quotes_passed = anyio.Event()
        self._ticks_passed = anyio.Event()

    async def burst(self, load: Load) -> Speed:
        """Send it all; from the word until the last packet is with the readers."""
        self._mark += 1
        self._quotes_passed, self._ticks_passed = anyio.Event(), anyio.Event()
        await to_thread.run_sync(self._order, orjson.dumps(asdict(replace(load, mark=self._mark))))
        await to_thread.run_sync(self._answers.readline)
        begun, computed = perf_counter(), process_time()
        self._order(b"go")
        await self._quotes_passed.wait()
        if self._reads_ticks:
            await self._ticks_passed.wait()
        return Speed(load.packets / (perf_counter() - begun), load.packets / (process_time() - computed))

    async def read_quotes(self, box: QuoteMailbox) -> None:
        """Take, for ever."""
        while True:
            changes = await box.take()
            if any(map(self._is_mark, changes.quotes)):
                self._quotes_passed.set()

    async def read_ticks(self, box: TickMailbox) -> None:
        """Take, for ever."""
        while True:
            changes = await box.take()
            if any(map(self._is_mark, changes.ticks)):
                self._ticks_passed.set()

    def _is_mark(self, value: Quote | Tick) -> bool:
        return value.id == MARK and value.last_price == self._mark / 100

    def _order(self, line: bytes) -> None:
        self._orders.write(line + b"\n")
        self._orders.flush()


@asynccontextmanager
async def receiving(*, every_tick: bool) -> AsyncIterator[Line]:
    """A feed that carries all instruments from a sender, with a reader of all quotes and one of all ticks."""
    with sending() as (orders, answers), ExitStack() as stack:
        port = int(await to_thread.run_sync(answers.readline))
        feed, line = feed_from(port), Line(orders, answers, reads_ticks=every_tick)
        async with anyio.create_task_group() as group:
            group.start_soon(feed.run)
            instruments = [instrument(number) for number in range(1, INSTRUMENTS + 2)]
            group.start_soon(line.read_quotes, stack.enter_context(feed.quote_stream(instruments, StreamMode.LTP)))
            if every_tick:
                group.start_soon(line.read_ticks, stack.enter_context(feed.tick_stream(instruments)))
            await until(lambda: feed.status.state is FeedState.LIVE and feed.subscribed_instruments > INSTRUMENTS)
            yield line
            group.cancel_scope.cancel()


def feed_from(port: int) -> LiveFeed:
    """A live feed over Kite's ticker on this port, with the times of a service."""
    clock = SystemClock()
    source = KiteTickSource(
        f"ws://127.0.0.1:{port}",
        "key",
        KiteTokens("token"),
        source=DataSource.SANDBOX,
        clock=clock,
        is_trading=lambda: True,
        settings=TickerSettings(silence=60.0),
    )
    return LiveFeed(source, clock=clock)


# ------------------------------------------------------------ from the flush to many readers


class SilentSource:
    """A TickSource that sends nothing."""

    source = DataSource.SANDBOX
    capacity = 9_000
    packets = 0

    def want(self, wanted: object) -> None:
        """Nothing to do."""

    async def run(self, sink: object) -> None:  # noqa: ARG002 -- the port's
        """Nothing ever."""
        await anyio.sleep_forever()


async def fan_out_row() -> Row:
    """A second of the market in flushes of 20 ms: decode each packet, publish, put it into the mailboxes."""
    source, clock = SilentSource(), SystemClock()
    feed = LiveFeed(source, clock=clock)
    instruments = [instrument(number) for number in range(1, STREAMED + 1)]
    with ExitStack() as stack:
        for reader in range(READERS):
            own = [instruments[(reader * EACH + offset) % STREAMED] for offset in range(EACH)]
            stack.enter_context(feed.quote_stream(own, StreamMode.FULL))
        async with anyio.create_task_group() as group:
            group.start_soon(feed.run)
            await until(lambda: feed.subscribed_instruments == STREAMED)
            packets = one_round(Load(STREAMED, 0, (), (FULL,))) * PER_SECOND
            taken = [published(feed, packets, clock) for _ in range(ROUNDS)]
            group.cancel_scope.cancel()
    puts = STREAMED * PER_SECOND * READERS * EACH // STREAMED
    what = f"{STREAMED:,} instruments, {PER_SECOND} ticks a second, {READERS:,} mailboxes of {EACH}"
    return what, f"{ms(median(taken))} of each second", f"decode and {puts:,} puts a second"


def published(feed: LiveFeed, packets: list[bytes], clock: SystemClock) -> float:
    """Seconds of CPU."""
    begun = process_time()
    rest = iter(packets)
    while flush := list(islice(rest, len(packets) // 50)):
        now = clock.now()
        decoded = (
            decode_quote(raw, f"NSE:S{int.from_bytes(raw[:4], 'big') >> 8}", DataSource.SANDBOX, now) for raw in flush
        )
        feed.publish_quotes([quote for quote in decoded if quote is not None])
    return process_time() - begun


# ------------------------------------------------------------ after a break


async def resubscribed_row() -> Row:
    """3,000 subscriptions on a new socket; the exchange of the tests shares this process."""
    taken = [await on_a_stage(resubscribed) for _ in range(ROUNDS)]
    return f"{AGAIN:,} instruments subscribed again", ms(median(taken)), f"{ms(FIRST_DELAY)} before the dial"


async def on_a_stage(work: Callable[[Stage], Awaitable[float]]) -> float:
    """What the work says of a ticker of its own."""
    async with running_ticker(settings=replace(QUICK, silence=30.0, first_delay=FIRST_DELAY)) as stage:
        return await work(stage)


async def resubscribed(stage: Stage) -> float:
    """From a broken line to the last subscription on the next one."""
    stage.source.want(wants(*range(1, AGAIN + 1)))
    await until(lambda: len(stage.exchange.modes) == AGAIN)
    begun = perf_counter()
    stage.exchange.drop()
    await until(lambda: not stage.exchange.seats)
    await until(lambda: list(stage.exchange.modes.values()) == ["full"] * AGAIN)
    return perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
