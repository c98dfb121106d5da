"""Making spans of a series known: what the store lacks is derived or fetched, and stored as soon as it arrives.

Comes in: what somebody wants to know. Goes out: a store in which it stands, and a note of what that took. Called by the
history service; the runtime owns `run()`.
"""

from collections.abc import Sequence
from datetime import datetime

from app.domain.candle_merge import bar_end
from app.domain.candles import Candle, CandleRange, Interval
from app.domain.errors import MarketDataError, NotSupported
from app.ports import CandleSource, CandleStore, Clock
from app.services.history.drift import FreshSpans
from app.services.history.expectation import TradingHours
from app.services.history.fetches import Fetch, FetchDesk
from app.services.history.intake import Intake, OnDrift
from app.services.history.plan import gaps, overlap, pieces
from app.services.history.survey import Survey, Surveyor
from app.services.history.tail import Tails
from app.services.history.want import Effort, Want

MAX_ROUNDS = 4
"""How often a want is looked at: before, after the fetch, after one that was begun too early, after a split."""


class Archive:
    """A CandleStore that is filled from a CandleSource.

    Callers who want the same share its fetches. Cancel-safe: what was fetched is stored, whoever left. For the event
    loop alone; what is not known waits unless `run()` runs.
    """

    def __init__(
        self, source: CandleSource, store: CandleStore, hours: TradingHours, clock: Clock, *, on_drift: OnDrift
    ) -> None:
        self._source = source
        tails, fresh = Tails(), FreshSpans()
        self._surveyor = Surveyor(store, hours, clock, tails=tails, fresh=fresh)
        intake = Intake(source, store, hours, clock, tails=tails, fresh=fresh, on_drift=on_drift)
        self._desk = FetchDesk(intake.perform)

    async def run(self) -> None:
        """Carry out the fetches until cancelled."""
        await self._desk.run()

    async def make_known(self, want: Want, effort: Effort) -> None:
        """Settled bars of the want are stored and `effort.tail` has the others, or `effort.problem` says why not."""
        for _ in range(MAX_ROUNDS):
            fetches = await self._begin(want, effort)
            await self._finish(fetches, effort)
            if not fetches or effort.problem is not None:
                break
        effort.tail = self._surveyor.tail_of(want)

    async def requests_for(self, want: Want) -> list[CandleRange]:
        """The requests that it would take now, newest first."""
        survey = await self._surveyor.survey(want)
        return [fetch.span for fetch in self._new_fetches(want, survey, [])]

    async def _begin(self, want: Want, effort: Effort) -> list[Fetch]:
        """The fetches to wait for, each of which must be left. No fetch ends unseen between looking and joining."""
        while True:
            version = self._desk.version
            survey = await self._surveyor.survey(want)
            if version == self._desk.version:
                break
        effort.coverage = survey.coverage
        if not survey.gaps:
            return []
        under_way = self._desk.under_way(want.key)
        new = self._new_fetches(want, survey, under_way)
        try:
            self._desk.admit(new)
        except MarketDataError as error:
            effort.problem = error
            return []
        shared = [fetch for fetch in under_way if any(overlap(fetch.reach, gap) for gap in survey.gaps)]
        for fetch in (*shared, *new):
            self._desk.join(fetch, want.priority)
        return [*shared, *new]

    def _new_fetches(self, want: Want, survey: Survey, under_way: Sequence[Fetch]) -> list[Fetch]:
        """What nobody fetches yet, newest first."""
        longest = self._source.longest_span(want.interval)
        if longest is None:
            raise NotSupported(f"{self._source.source} has no {want.interval} bars of {want.instrument.id}")
        if not survey.gaps:
            return []
        known = [*(known.span for known in survey.coverage), *(fetch.reach for fetch in under_way)]
        fetches: list[Fetch] = []
        for gap in reversed(gaps(survey.span, known, survey.shut)):
            before, after = survey.before.get(gap.start, ()), survey.after.get(gap.end, ())
            again = (*before, *after)
            whole = _with(gap, again, want.interval, until=survey.settled)
            for piece in pieces(whole, longest, survey.shut):
                compared = tuple(bar for bar in again if piece.start <= bar.time < piece.end)
                to_now = piece.end > survey.settled
                fetches.append(Fetch(want.instrument, want.interval, piece, want.priority, to_now, compared))
        return fetches

    async def _finish(self, fetches: Sequence[Fetch], effort: Effort) -> None:
        """Waits for all of them; after a failure only for those that are out already."""
        pending = list(fetches)
        try:
            while pending:
                done = await self._desk.first_done(pending)
                for fetch in done:
                    effort.note(fetch)
                given_up = [fetch for fetch in pending if effort.problem and not (fetch.running or fetch.done)]
                for fetch in (*done, *given_up):
                    pending.remove(fetch)
                    self._desk.leave(fetch)
        finally:
            effort.unsent = sum(not (fetch.running or fetch.done) for fetch in pending)
            for fetch in pending:
                self._desk.leave(fetch)


def _with(gap: CandleRange, again: Sequence[Candle], interval: Interval, *, until: datetime) -> CandleRange:
    """The gap, so much longer that bars on either side of it are asked for again; none of them opens after `until`."""
    if not again:
        return gap
    end = min(bar_end(again[-1].time, interval), until) if again[-1].time >= gap.end else gap.end
    return CandleRange(min(gap.start, again[0].time), end)
