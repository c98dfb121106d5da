"""The law of the memory: whatever is written, by whom and beside what, it answers as its store does."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ports import CandleStore
from app.services.history.remembering import RememberingStore
from app.services.history.series_memory import CHECK_SECONDS
from tests.history_chunks.counting import SERIES, START, at, bar, known, span
from tests.services.fakes import SetClock
from tests.support.stores import MemoryCandleStore

NUMBERS = st.integers(-5, 45)
KINDS = ["bars", "last", "coverage", "save", "replace", "drop"]


@dataclass(frozen=True)
class Act:
    """One thing that somebody does to the store."""

    kind: str
    first: int
    length: int
    foreign: bool
    """By another process: not through the memory."""

    async def on(self, store: CandleStore) -> object:
        """Do it; what came out."""
        first, end = self.first, self.first + self.length
        bars = [bar(number, 100.0 + self.length) for number in range(first, end, 2)]
        acts: dict[str, Callable[[], Awaitable[object]]] = {
            "bars": lambda: store.bars(*SERIES, span(first, end)),
            "last": lambda: store.last_bars(*SERIES, before=at(first), count=self.length),
            "coverage": lambda: store.coverage(*SERIES, span(first, end)),
            "save": lambda: store.save(*SERIES, bars, known(first, end + 1)),
            "replace": lambda: store.replace(*SERIES, bars),
            "drop": lambda: store.drop(*SERIES),
        }
        return await acts[self.kind]()


acts = st.builds(Act, st.sampled_from(KINDS), NUMBERS, st.integers(0, 25), st.booleans())


@settings(max_examples=150)
@given(st.lists(st.lists(acts, min_size=1, max_size=5), max_size=8), st.sampled_from([60, 300, 10_000]))
def test_the_memory_answers_as_its_store(rounds: list[list[Act]], most: int) -> None:
    """After each round of things done at once: at once if all went through it, else after a second."""
    anyio.run(play, rounds, most)


async def play(rounds: list[list[Act]], most: int) -> None:
    """All rounds, with every question after each."""
    clock, store = SetClock(START), MemoryCandleStore()
    memory = RememberingStore(store, clock, most_bars=most)
    for together in rounds:
        async with anyio.create_task_group() as tasks:
            for act in together:
                tasks.start_soon(act.on, store if act.foreign else memory)
        if any(act.foreign for act in together):
            clock.advance(CHECK_SECONDS)
        for question in questions(together):
            assert await question.on(memory) == await question.on(store)


def questions(acts: list[Act]) -> list[Act]:
    """Each of the three about the place of each act, and about everything."""
    places = [*((act.first, act.length) for act in acts), (-10, 80), (60, 100)]
    return [Act(kind, *place, foreign=False) for place in places for kind in ("bars", "last", "coverage")]
