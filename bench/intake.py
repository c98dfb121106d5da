"""Ticks through a real socket: a burst from the exchange to the sink, and 3,000 subscriptions after a break.

`python -m bench.intake`. The exchange of the tests shares the process, so the times are those of both sides.
"""

import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from statistics import median
from time import perf_counter

import anyio

from bench.report import Row, ms, show
from tests.kite_ticker.exchange import QUICK, Stage, running_ticker, token_of, until, wants
from tests.kite_ticker.wire import frame, simple_full

ROUNDS = 5
INSTRUMENTS = 3_000
"""As many as a socket of Kite carries."""
TICKS, FRAME = 20_000, 100
"""Packets of a burst, and packets of one message."""
FIRST_DELAY = 0.05
"""Seconds before the first dial after a break; part of the time that is shown."""


def main() -> int:
    """Print the table."""
    show("ticker intake", anyio.run(measure))
    return 0


async def measure() -> list[Row]:
    """Each line on a ticker of its own."""
    merged = await repeated(partial(burst, every_tick=False))
    kept = await repeated(partial(burst, every_tick=True))
    mended = await repeated(resubscribed)
    rate = f"of one instrument in {TICKS // FRAME} messages; {TICKS / kept:,.0f} a second"
    return [
        (f"{TICKS:,} packets, newest of each instrument kept", ms(merged), f"{TICKS / merged:,.0f} a second"),
        (f"{TICKS:,} packets, every tick kept", ms(kept), rate),
        (f"{INSTRUMENTS:,} instruments subscribed again", ms(mended), f"{ms(FIRST_DELAY)} and jitter before the dial"),
    ]


async def repeated(work: Callable[[Stage], Awaitable[float]]) -> float:
    """The median of the seconds that the work says it took."""
    taken = []
    for _ in range(ROUNDS):
        async with running_ticker(settings=replace(QUICK, silence=30.0, first_delay=FIRST_DELAY)) as stage:
            taken.append(await work(stage))
    return median(taken)


async def burst(stage: Stage, *, every_tick: bool) -> float:
    """From the first byte of a burst to the last packet in the sink."""
    stage.source.want(wants(1, every_tick=every_tick))
    await until(lambda: stage.exchange.modes)
    messages = [
        frame(*[simple_full(token_of(1), 100, volume=start + offset) for offset in range(FRAME)])
        for start in range(1, TICKS + 1, FRAME)
    ]
    begun = perf_counter()
    for message in messages:
        await stage.exchange.send(message)
    await until(lambda: stage.source.packets == TICKS)
    await until(lambda: "NSE:S1" in stage.sink.quotes and stage.sink.quotes["NSE:S1"].volume == TICKS)
    return perf_counter() - begun


async def resubscribed(stage: Stage) -> float:
    """From a broken line to the last subscription on the next one."""
    stage.source.want(wants(*range(1, INSTRUMENTS + 1)))
    await until(lambda: len(stage.exchange.modes) == INSTRUMENTS)
    begun = perf_counter()
    stage.exchange.drop()
    await until(lambda: not stage.exchange.seats)
    await until(lambda: list(stage.exchange.modes.values()) == ["full"] * INSTRUMENTS)
    return perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
