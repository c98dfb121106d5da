"""Random lives of a candle store: SQLite and the store in memory always say the same."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from app.domain.candles import Candle, CandleState, Interval
from app.domain.provenance import DataSource
from app.ports import CandleStore
from app.store.candles import SqlCandleStore
from app.store.engine import open_database
from tests.store.candle_values import at, bar, known, span
from tests.support.clock import FixedClock
from tests.support.stores import MemoryCandleStore

T = TypeVar("T")
LENGTH = 40
"""Minutes of the little time in which everything happens."""

SERIES = st.sampled_from([("NSE:INFY", Interval.MINUTE), ("NSE:INFY", Interval.DAY), ("NSE:TCS", Interval.MINUTE)])
MINUTES = st.integers(0, LENGTH)
PRICES = st.floats(-1e6, 1e6, allow_nan=False)
INTERESTS = st.none() | st.integers(0, 2**62)
STATES = st.sampled_from([CandleState.FINAL, CandleState.CORRECTED])
SOURCES = st.sampled_from([DataSource.KITE, DataSource.YAHOO])


@st.composite
def some_bars(draw: st.DrawFn) -> list[Candle]:
    """Bars of some of the minutes, in order."""
    minutes = sorted(draw(st.sets(st.integers(0, LENGTH - 1), max_size=12)))
    return [bar(minute, draw(PRICES), state=draw(STATES), interest=draw(INTERESTS)) for minute in minutes]


class TwoStores(RuleBasedStateMachine):
    """Does the same to both stores and asks both the same."""

    template: bytes

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        path = Path(self._folder.name) / "model.db"
        path.write_bytes(self.template)
        self._memory, self._sql = MemoryCandleStore(), self._run(self._open(f"sqlite:///{path}"))

    async def _open(self, url: str) -> SqlCandleStore:
        return SqlCandleStore(await self._stack.enter_async_context(open_database(url)), FixedClock())

    def _run(self, work: Awaitable[T]) -> T:
        async def wait() -> T:
            return await work

        return self._runner.run(wait())

    def _same(self, ask: Callable[[CandleStore], Awaitable[Any]]) -> None:
        assert self._run(ask(self._sql)) == self._run(ask(self._memory))

    @rule(series=SERIES, bars=some_bars(), first=MINUTES, length=st.integers(1, 20), source=SOURCES, age=MINUTES)
    def save(
        self, series: tuple[str, Interval], bars: list[Candle], first: int, length: int, source: DataSource, age: int
    ) -> None:
        """Bars, inside the span or not, and what is known."""
        self._same(lambda store: store.save(*series, bars, known(first, first + length, source=source, age=age)))

    @rule(series=SERIES, bars=some_bars())
    def replace(self, series: tuple[str, Interval], bars: list[Candle]) -> None:
        """Corrected bars, there before or not."""
        self._same(lambda store: store.replace(*series, bars))

    @rule(series=SERIES)
    def drop(self, series: tuple[str, Interval]) -> None:
        """All of a series; both count it alike."""
        self._same(lambda store: store.drop(*series))

    @rule(series=SERIES, first=MINUTES, end=MINUTES)
    def ask_a_span(self, series: tuple[str, Interval], first: int, end: int) -> None:
        """Bars and coverage of a part, or of none where the end is not after the start."""
        self._same(lambda store: store.bars(*series, span(first + 0.5, end)))
        self._same(lambda store: store.coverage(*series, span(min(first, end), max(first, end))))

    @rule(series=SERIES, before=MINUTES, count=st.integers(-1, 15))
    def ask_the_last(self, series: tuple[str, Interval], before: int, count: int) -> None:
        """The last bars before a minute."""
        self._same(lambda store: store.last_bars(*series, before=at(before), count=count))

    @invariant()
    def all_is_the_same(self) -> None:
        """Of one series, everything."""
        self._same(lambda store: store.bars("NSE:INFY", Interval.MINUTE, span(-1, 2 * LENGTH)))
        self._same(lambda store: store.coverage("NSE:INFY", Interval.MINUTE, span(-1, 2 * LENGTH)))

    def teardown(self) -> None:
        """Both are gone without a trace."""
        self._run(self._stack.aclose())
        self._runner.close()
        self._folder.cleanup()


def test_sqlite_and_memory_say_the_same(sqlite_template: bytes):
    """Whatever is saved, replaced, dropped and asked, in whatever order."""
    machine = type("Machine", (TwoStores,), {"template": sqlite_template})
    quick = settings(max_examples=20, stateful_step_count=15, suppress_health_check=[HealthCheck.too_slow])
    run_state_machine_as_test(machine, settings=quick)
