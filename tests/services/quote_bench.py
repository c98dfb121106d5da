"""A running QuoteService over fakes, and callers that ask at once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import anyio

from app.domain.errors import MarketDataError
from app.domain.instruments import Instrument
from app.domain.provenance import Cost
from app.domain.quotes import Quote
from app.services.quotes.service import QuoteService
from tests.services.fakes import CountingQuotes, SetClock, StillStream

Answers = dict[str, Quote | MarketDataError]


@dataclass
class Bench:
    """A running service and its fakes."""

    service: QuoteService
    source: CountingQuotes
    stream: StillStream
    clock: SetClock
    remembered: list[Quote]

    async def ask(self, *instruments: Instrument, max_age: float | None = None, cost: Cost | None = None) -> Answers:
        """One caller's question."""
        age = None if max_age is None else timedelta(seconds=max_age)
        return await self.service.quotes(instruments, max_age=age, cost=cost or Cost())


@asynccontextmanager
async def bench(
    *, latency: float = 0.0, deadline: float = 2.0, window: float = 0.01, second_lane: Instrument | None = None
) -> AsyncIterator[Bench]:
    """A service that runs for the length of the block. `second_lane`: what is asked for apart from all others."""
    clock = SetClock()
    source = CountingQuotes(clock, latency)
    stream = StillStream()
    remembered: list[Quote] = []
    service = QuoteService(
        source,
        stream,
        clock,
        window=window,
        deadline=deadline,
        remember=remembered.extend,
        lanes=1 if second_lane is None else 2,
        lane_of=lambda instrument: int(instrument is second_lane),
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(service.run)
        yield Bench(service, source, stream, clock, remembered)
        tasks.cancel_scope.cancel()


async def gather(*questions: tuple[Bench, list[Instrument], Cost]) -> list[Answers]:
    """Everyone asks at once; the answers in the order of the questions."""
    answers: list[Answers] = [{} for _ in questions]

    async def one(index: int) -> None:
        at, instruments, cost = questions[index]
        answers[index] = await at.ask(*instruments, cost=cost)

    async with anyio.create_task_group() as tasks:
        for index in range(len(questions)):
            tasks.start_soon(one, index)
    return answers
