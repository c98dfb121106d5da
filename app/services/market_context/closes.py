"""Closes of finished sessions, fetched in the background once a day from the first question on.

Comes in: which instruments, and how many sessions of each. Goes out: closes by date, or why there are none. Called by
the context's service, which owns `run` through the runtime.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

import anyio
import anyio.lowlevel

from app.domain.bar_runs import session_runs
from app.domain.candles import CandleRange, CandleSeries, Interval
from app.domain.errors import MarketDataError
from app.domain.instruments import Instrument
from app.domain.market_closes import UNKNOWN, Closes, is_price
from app.domain.provenance import Cost
from app.domain.time import ist_date, ist_datetime
from app.ports import CandleHistory, Clock
from app.services.history.expectation import INSTANT, TRADED, TradingHours

RETRY_SECONDS = 15.0
"""After a failure: a login or a source that is back is noticed soon, and an outage costs four requests a minute."""
LOOK_SECONDS = 30.0
"""How often the date is looked at while nobody asks; who asks on a new day has it looked at at once."""
FIRST_MASTER_SECONDS = 10.0
"""How long the first round waits for the instrument master of a new service; without it Kite has no history."""


class SessionCloses:
    """Closes of a fixed set of instruments. Bounded by it.

    Nothing is fetched unless `run` runs, nor before somebody wants them: a service that nobody asks for a context asks
    no source for its inputs.
    """

    def __init__(
        self,
        history: CandleHistory,
        find: Callable[[str], Instrument],
        clock: Clock,
        hours: TradingHours,
        sessions_of: Mapping[str, int],
        *,
        ready: Callable[[], Awaitable[object]] = anyio.lowlevel.checkpoint,
    ) -> None:
        """`find` raises MarketDataError for an id that there is not. `sessions_of`: the first is fetched first.

        `ready` returns when the instruments are known; that is waited for, within bounds.
        """
        self._history = history
        self._find = find
        self._clock = clock
        self._hours = hours
        self._sessions_of = sessions_of
        self._ready = ready
        self._known: dict[str, Closes] = {}
        self._fetched_on: dict[str, date] = {}
        self._round_on: date | None = None
        """The day of the round that goes on, or was the last one."""
        self._wanted = anyio.Event()
        self._turned = anyio.Event()
        self._first_round = anyio.Event()

    def of(self, instrument_id: str, day: date) -> Closes:
        """What is known now; where that ends before the sessions before `day`, they are looked for at once."""
        known = self._known.get(instrument_id, UNKNOWN)
        if day > known.until and self._round_on != ist_date(self._clock.now()):
            self._turned.set()
        return known

    async def first_round(self) -> None:
        """Want them from now on; returns once every instrument was asked for."""
        self._wanted.set()
        await self._first_round.wait()

    async def run(self) -> None:
        """Fetch what the present date has no closes of yet, from the first want until cancelled."""
        await self._wanted.wait()
        with anyio.move_on_after(FIRST_MASTER_SECONDS):
            await self._ready()
        while True:
            self._turned = anyio.Event()
            self._round_on = today = ist_date(self._clock.now())
            due = [key for key in self._sessions_of if self._fetched_on.get(key) != today]
            for key in due:
                self._known[key], is_settled = await self._fetch(key, self._sessions_of[key])
                if is_settled:
                    self._fetched_on[key] = today
            self._first_round.set()
            failed = any(self._fetched_on.get(key) != today for key in self._sessions_of)
            with anyio.move_on_after(RETRY_SECONDS if failed else LOOK_SECONDS):
                await self._turned.wait()

    async def _fetch(self, instrument_id: str, sessions: int) -> tuple[Closes, bool]:
        """The closes, and whether they will do for the day: those of a second source are asked for again.

        Of those that were found earlier on the same day and the new ones the longer unbroken row is kept.
        """
        today = ist_date(self._clock.now())
        old = self._known.get(instrument_id, UNKNOWN)
        kept = old if old.until == today else Closes({}, today)
        try:
            instrument = self._find(instrument_id)
            series = await self._history.candles(
                instrument,
                Interval.DAY,
                start=None,
                end=None,
                last=sessions,
                include_forming=False,
                cost=Cost(),
            )
        except MarketDataError as error:
            return replace(kept, problem=f"{error.code}: {error.message}"), False
        found = self._closes(instrument, series, today)
        is_settled = series.problem is None and series.fallback_reason is None
        if len(found.before(today)) < len(kept.before(today)):
            return replace(kept, problem=series.problem), False
        is_up_to_date = bool(found.before(today)) or not found.by_date
        return found, is_settled and is_up_to_date

    def _closes(self, instrument: Instrument, series: CandleSeries, today: date) -> Closes:
        """The closes of a series. A gap is a session of the calendar without one, and what could not be fetched."""
        by_date = {ist_date(bar.time): bar.close for bar in series.candles if is_price(bar.close)}
        gaps = {day for span in series.missing for day in _days_of(span)}
        if series.candles:
            begun = CandleRange(series.candles[0].time, ist_datetime(today))
            gaps.update(_days_of_sessions(self._hours.spans_of(instrument, begun, TRADED)))
        return Closes(by_date, today, frozenset(gaps - by_date.keys()), series.problem)


def _days_of_sessions(sessions: Sequence[CandleRange]) -> Iterator[date]:
    """The days in India on which there is a session."""
    for run in session_runs(sessions, Interval.DAY):
        yield from _days_of(CandleRange(run.opens, run.ends))


def _days_of(span: CandleRange) -> Iterator[date]:
    """The days in India that a span touches."""
    first, last = ist_date(span.start), ist_date(span.end - INSTANT)
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)
