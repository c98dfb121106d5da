"""CANDLE_BACKFILL: years of bars of many instruments, stored before anyone asks for them.

Comes in: a BackfillRequest as JSON. Goes out: bars in the store, by the history service's background priority, so that
a person in front of a chart never waits for it. Called by Jobs, and by `kite-services backfill`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Protocol

from app.domain.candle_merge import ceil_period, period_start
from app.domain.candles import CandleRange, Interval
from app.domain.errors import InvalidInput, InvalidRange, LoginRequired, MarketDataError, SourceError
from app.domain.instruments import Instrument
from app.domain.time import to_ist
from app.ports import Clock
from app.services.history.request import check_request
from app.services.jobs.patience import Patience
from app.services.jobs.work import JobFailed, JobRequest, Progress

MAX_INSTRUMENTS = 500
"""Instruments of one job: all of an index, and for ten years of days not even four minutes at Kite's rate."""
FAILURES_IN_A_ROW = 3
"""Instruments after which a source that refuses each of them is not asked for the others."""
NAMED_FAILURES = 3
"""Instruments that the message of a failed job names; the others are counted."""


class History(Protocol):
    """The history service as a job uses it, in the background."""

    async def requests_for(self, instrument: Instrument, interval: Interval, span: CandleRange) -> int:
        """How many upstream requests `ensure` would take now."""
        ...

    async def ensure(
        self, instrument: Instrument, interval: Interval, span: CandleRange, *, progress: Callable[[int], None]
    ) -> int:
        """Every bar of the span is stored. `progress` is told of the requests so far, after each."""
        ...


class Instruments(Protocol):
    """The instrument master."""

    def require(self, instrument_id: str) -> Instrument:
        """The instrument with this id. Raises InvalidInput or UnknownInstrument."""
        ...


@dataclass(frozen=True, slots=True)
class BackfillRequest:
    """What shall be stored."""

    ids: tuple[str, ...]
    interval: Interval
    span: CandleRange

    @classmethod
    def of(
        cls, ids: Sequence[str], interval: Interval, *, start: datetime, end: datetime | None, now: datetime
    ) -> "BackfillRequest":
        """A request that names each instrument once, up to now at most.

        Raises InvalidInput for no or more than 500 instruments, InvalidRange for a span in which no bar can open.
        """
        if not ids:
            msg = "`ids` is empty; name at least one instrument, for example NSE:INFY"
            raise InvalidInput(msg)
        if len(ids) > MAX_INSTRUMENTS:
            msg = f"`ids` has {len(ids)} entries and at most {MAX_INSTRUMENTS} are allowed; make several jobs"
            raise InvalidInput(msg)
        if start >= now:
            msg = f"`from` {start.isoformat()} lies in the future: there are no bars yet"
            raise InvalidRange(msg)
        until = now if end is None else min(end, now)
        if interval.minutes is None and start < until <= ceil_period(start, interval):
            msg = (
                f"no {interval} bar opens between {to_ist(start):%Y-%m-%d %H:%M} and {to_ist(until):%Y-%m-%d %H:%M}, "
                f"India's time: begin at {to_ist(period_start(start, interval)):%Y-%m-%d}"
            )
            raise InvalidRange(msg)
        return cls(tuple(dict.fromkeys(ids)), interval, CandleRange(start, until))

    @classmethod
    def from_json(cls, request: JobRequest) -> "BackfillRequest":
        """The request that `to_json` wrote. Raises ValueError or KeyError for anything else."""
        ids, interval, start, end = (request[name] for name in ("ids", "interval", "from", "to"))
        if not isinstance(ids, list):
            msg = "the request of a backfill names no instruments"
            raise ValueError(msg)  # noqa: TRY004 - what is in the store is wrong, not the caller's type
        span = CandleRange(datetime.fromisoformat(str(start)), datetime.fromisoformat(str(end)))
        return cls(tuple(str(each) for each in ids), Interval(str(interval)), span)

    def to_json(self) -> dict[str, object]:
        """The request as it is kept with a job."""
        return {
            "ids": list(self.ids),
            "interval": self.interval.value,
            "from": self.span.start.isoformat(),
            "to": self.span.end.isoformat(),
        }


class CandleBackfill:
    """Fills the store, one instrument after the other; counted in upstream requests.

    What is stored is never fetched again, so a run that was interrupted goes on where it was. An instrument that cannot
    be had does not stop the others.
    """

    unit = "requests"

    def __init__(self, history: History, instruments: Instruments, clock: Clock, patience: Patience) -> None:
        self._history = history
        self._instruments = instruments
        self._clock = clock
        self._patience = patience

    async def check(self, request: JobRequest) -> None:
        """Raises UnknownInstrument, InvalidRange, NotSupported for what can never be had. Sends nothing."""
        asked = BackfillRequest.from_json(request)
        found = [self._instruments.require(instrument_id) for instrument_id in asked.ids]
        span, now = asked.span, self._clock.now()
        for instrument in found:
            check_request(
                instrument, asked.interval, start=span.start, end=span.end, last=None, now=now, answered=False
            )
        for instrument in found:
            await self._history.requests_for(instrument, asked.interval, span)

    async def run(self, request: JobRequest, progress: Progress) -> None:
        """Returns when every bar is stored that there is. Raises JobFailed, naming the instruments it could not fill.

        LoginRequired only where nobody can log in while it waits. What was fetched is kept in any case.
        """
        asked = BackfillRequest.from_json(request)
        failures = _Failures()
        ahead = await self._count(asked, failures, progress)
        left = sum(ahead.values())
        progress.tell(total=progress.done + left)
        for number, (instrument_id, requests) in enumerate(ahead.items(), 1):
            left -= requests
            progress.tell(message=f"{instrument_id} ({number} of {len(ahead)})")
            try:
                await self._patience.insist(partial(self._fill, asked, instrument_id, left, progress), progress)
            except LoginRequired:
                raise
            except MarketDataError as error:
                failures.note(instrument_id, error)
                if failures.in_a_row == FAILURES_IN_A_ROW:
                    break
            else:
                failures.in_a_row = 0
            progress.tell(total=progress.done + left)
        if failures.errors:
            raise JobFailed(failures.told(of=len(asked.ids)))
        progress.tell(message=_summary(asked))

    async def _count(self, asked: BackfillRequest, failures: "_Failures", progress: Progress) -> dict[str, int]:
        """The upstream requests of each instrument that has something to fetch."""
        progress.tell(message="counting what is stored")
        ahead: dict[str, int] = {}
        for instrument_id in asked.ids:
            try:
                instrument = self._instruments.require(instrument_id)
                requests = await self._history.requests_for(instrument, asked.interval, asked.span)
            except MarketDataError as error:
                failures.errors[instrument_id] = error
            else:
                ahead |= {instrument_id: requests} if requests else {}
        return ahead

    async def _fill(self, asked: BackfillRequest, instrument_id: str, left: int, progress: Progress) -> None:
        """One instrument; `left` requests are for those after it. Asked again, it counts on from where it was."""
        begun = progress.done

        def told(requests: int) -> None:
            progress.tell(done=begun + requests, total=max(progress.total or 0, begun + requests + left))

        instrument = self._instruments.require(instrument_id)
        await self._history.ensure(instrument, asked.interval, asked.span, progress=told)


@dataclass(slots=True)
class _Failures:
    """Instruments that could not be filled, and why."""

    errors: dict[str, MarketDataError] = field(default_factory=dict)
    in_a_row: int = 0
    """How many of the last ones the source refused."""

    def note(self, instrument_id: str, error: MarketDataError) -> None:
        """One more; what is wrong with the instrument itself says nothing of the source."""
        self.errors[instrument_id] = error
        self.in_a_row = self.in_a_row + 1 if isinstance(error, SourceError) else 0

    def told(self, *, of: int) -> str:
        """The message for a person."""
        named = [f"{key}: {error.code}: {error.message}" for key, error in list(self.errors.items())[:NAMED_FAILURES]]
        more = len(self.errors) - len(named)
        causes = "; ".join([*named, *([f"and {more} more"] if more else [])])
        rest = "the others were not tried" if self.in_a_row == FAILURES_IN_A_ROW else "everything else is stored"
        return (
            f"{len(self.errors)} of {of} could not be filled: {causes}. What came is kept, {rest}; ask again to go on"
        )


def _summary(asked: BackfillRequest) -> str:
    count = len(asked.ids)
    what = asked.ids[0] if count == 1 else f"{count} instruments"
    first, end = to_ist(asked.span.start), to_ist(asked.span.end)
    return f"{asked.interval} bars of {what} are stored, {first:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"
