"""Closes of finished sessions, fetched in the background once a day from the first question on.

Comes in: which instruments, and how many sessions of each. Goes out: closes by date, or why there are none. Called by
the context's service, which owns `run` through the runtime.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date

import anyio
import anyio.lowlevel

from app.domain.candles import CandleSeries, Interval
from app.domain.errors import MarketDataError
from app.domain.instruments import Instrument
from app.domain.provenance import Cost
from app.domain.time import ist_date
from app.ports import CandleHistory, Clock

RETRY_SECONDS = 15.0
"""After a failure: a login or a source that is back is noticed soon, and an outage costs four requests a minute."""
LOOK_SECONDS = 30.0
"""How often the date is looked at: the session of yesterday is finished soon after midnight."""
FIRST_MASTER_SECONDS = 10.0
"""How long the first round waits for the instrument master of a new service; without it Kite has no history."""
NOT_YET = "NOT_FETCHED: its day bars are being fetched"


@dataclass(frozen=True, slots=True)
class Closes:
    """The closes of an instrument's finished sessions."""

    by_date: Mapping[date, float]
    """By the session's date in India, oldest first."""
    problem: str | None
    """Why there are none or not all, as `CODE: message`; None if nothing is missing."""

    def before(self, day: date) -> list[float]:
        """Those of sessions before a day, oldest first."""
        return [close for session, close in self.by_date.items() if session < day]


UNKNOWN = Closes({}, NOT_YET)


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
        self._sessions_of = sessions_of
        self._ready = ready
        self._known: dict[str, Closes] = {}
        self._fetched_on: dict[str, date] = {}
        self._got_on: dict[str, date] = {}
        """The day on which the known closes were complete up to the last session."""
        self._wanted = anyio.Event()
        self._first_round = anyio.Event()

    def of(self, instrument_id: str) -> Closes:
        """What is known now."""
        return self._known.get(instrument_id, UNKNOWN)

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
            today = ist_date(self._clock.now())
            due = [key for key in self._sessions_of if self._fetched_on.get(key) != today]
            for key in due:
                self._known[key], is_settled = await self._fetch(key, self._sessions_of[key])
                if is_settled:
                    self._fetched_on[key] = today
            self._first_round.set()
            failed = any(self._fetched_on.get(key) != today for key in self._sessions_of)
            await anyio.sleep(RETRY_SECONDS if failed else LOOK_SECONDS)

    async def _fetch(self, instrument_id: str, sessions: int) -> tuple[Closes, bool]:
        """The closes, and whether they will do for the day: those of a second source are asked for again.

        Closes that end before the last session are none: a trend up to last week is not the present one.
        """
        today = ist_date(self._clock.now())
        before = self._known.get(instrument_id, UNKNOWN).by_date if self._got_on.get(instrument_id) == today else {}
        try:
            series = await self._history.candles(
                self._find(instrument_id),
                Interval.DAY,
                start=None,
                end=None,
                last=sessions,
                include_forming=False,
                cost=Cost(),
            )
        except MarketDataError as error:
            return Closes(before, f"{error.code}: {error.message}"), False
        if series.problem is not None and _ends_early(series):
            return Closes(before, series.problem), False
        self._got_on[instrument_id] = today
        by_date = {ist_date(bar.time): bar.close for bar in series.candles if bar.close > 0}
        return Closes(by_date or before, series.problem), series.problem is None and series.fallback_reason is None


def _ends_early(series: CandleSeries) -> bool:
    """Whether the newest bars are among those that could not be fetched."""
    if not series.candles:
        return True
    return any(span.end > series.candles[-1].time for span in series.missing)
