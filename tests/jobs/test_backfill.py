"""Backfills: what is asked of the history service, what is counted, and what a failure says."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import anyio
import pytest

from app.domain.candles import CandleRange, Interval
from app.domain.errors import (
    InvalidInput,
    InvalidRange,
    LoginRequired,
    MalformedPayload,
    MarketDataError,
    NotSupported,
    UnknownInstrument,
)
from app.domain.instruments import Instrument
from app.services.jobs.backfill import FAILURES_IN_A_ROW, MAX_INSTRUMENTS, BackfillRequest, CandleBackfill
from app.services.jobs.patience import Patience
from app.services.jobs.work import JobFailed, Progress
from tests.history.bench import running_history
from tests.services.fakes import DAY, MONDAY_NOON, SetClock, SetPhases, SteadyCandles, an_instrument
from tests.support.stores import MemoryCandleStore

START = MONDAY_NOON - 4000 * DAY
BROKEN = MalformedPayload("it sent something else")


class Master:
    """Knows every instrument but those that were forgotten."""

    def __init__(self) -> None:
        self.forgotten: set[str] = set()

    def require(self, instrument_id: str) -> Instrument:
        """The instrument."""
        if instrument_id in self.forgotten:
            msg = f"there is no instrument {instrument_id}"
            raise UnknownInstrument(msg)
        return an_instrument(instrument_id)


@dataclass
class PlannedHistory:
    """Takes some requests for each instrument that is not filled; fails where it is told to."""

    plans: dict[str, int]
    errors: dict[str, MarketDataError] = field(default_factory=dict)
    refused: dict[str, MarketDataError] = field(default_factory=dict)
    """What is wrong with instruments before anything is asked."""
    shortened: dict[str, int] = field(default_factory=dict)
    """Requests that were needed in the end, because somebody else made the others."""
    asked: list[str] = field(default_factory=list)

    async def requests_for(self, instrument: Instrument, interval: Interval, span: CandleRange) -> int:
        """Those that are left."""
        if instrument.id in self.refused:
            raise self.refused[instrument.id]
        return self.plans[instrument.id]

    async def ensure(
        self, instrument: Instrument, interval: Interval, span: CandleRange, *, progress: Callable[[int], None]
    ) -> int:
        """One after the other."""
        self.asked.append(instrument.id)
        needed = self.shortened.get(instrument.id, self.plans[instrument.id])
        for number in range(1, needed + 1):
            await anyio.lowlevel.checkpoint()
            self.plans[instrument.id] -= 1
            progress(number)
        if instrument.id in self.errors:
            raise self.errors[instrument.id]
        return needed


async def no_pause(_seconds: float) -> None:
    """Time is not what is tested."""


def ids(count: int) -> list[str]:
    """That many instruments."""
    return [f"NSE:S{number}" for number in range(count)]


def request(*instruments: str, interval: Interval = Interval.DAY, start: datetime = START) -> dict[str, object]:
    """A request up to now, as a job keeps it."""
    return BackfillRequest.of(instruments, interval, start=start, end=None, now=MONDAY_NOON).to_json()


class Telling(Progress):
    """Keeps every figure that was told."""

    def __init__(self, done: int = 0) -> None:
        self.told: list[tuple[int, int | None]] = []
        super().__init__(lambda now: self.told.append((now.done, now.total)), done=done)


def backfill(history: PlannedHistory, master: Master | None = None) -> CandleBackfill:
    """The work over a history of the test's."""
    return CandleBackfill(history, master or Master(), SetClock(), Patience(None, sleep=no_pause))


async def test_requests_are_counted_first_and_told_one_by_one() -> None:
    """The total is known before the first request; instruments that are filled are not asked for."""
    history, progress = PlannedHistory({"NSE:S0": 2, "NSE:S1": 0, "NSE:S2": 3}), Telling()
    await backfill(history).run(request(*ids(3)), progress)
    assert history.asked == ["NSE:S0", "NSE:S2"]
    assert progress.told[1] == (0, 5)
    assert list(dict.fromkeys(done for done, _total in progress.told)) == [0, 1, 2, 3, 4, 5]
    assert progress.message == "DAY bars of 3 instruments are stored, 2015-12-11 12:00 to 2026-11-23 12:00"


async def test_what_others_fetched_meanwhile_leaves_the_total() -> None:
    """The bar reaches its end whoever did the work."""
    history = PlannedHistory({"NSE:S0": 5, "NSE:S1": 2}, shortened={"NSE:S0": 1})
    progress = Telling()
    await backfill(history).run(request(*ids(2)), progress)
    assert (progress.done, progress.total) == (3, 3)


async def test_a_run_that_goes_on_counts_on() -> None:
    """From what an earlier process did."""
    progress = Telling(done=4)
    await backfill(PlannedHistory({"NSE:S0": 2})).run(request("NSE:S0"), progress)
    assert (progress.done, progress.total) == (6, 6)


async def test_an_instrument_that_cannot_be_had_does_not_stop_the_others() -> None:
    """The job fails in the end and names it, with the cause."""
    master = Master()
    master.forgotten = {"NSE:S3"}
    history = PlannedHistory(dict.fromkeys(ids(4), 1), errors={"NSE:S1": NotSupported("it has no bars")})
    with pytest.raises(JobFailed) as failed:
        await backfill(history, master).run(request(*ids(4)), Telling())
    assert history.asked == ["NSE:S0", "NSE:S1", "NSE:S2"]
    assert str(failed.value) == (
        "2 of 4 could not be filled: NSE:S3: UNKNOWN_INSTRUMENT: there is no instrument NSE:S3; "
        "NSE:S1: NOT_SUPPORTED: it has no bars. What came is kept, everything else is stored; ask again to go on"
    )


async def test_a_source_that_fails_for_each_is_not_asked_for_all() -> None:
    """After some in a row the job ends; each was tried more than once, and the message stays short."""
    history = PlannedHistory(dict.fromkeys(ids(9), 1))
    history.errors = dict.fromkeys(ids(9), BROKEN)
    history.shortened = dict.fromkeys(ids(9), 0)
    with pytest.raises(JobFailed, match=r"3 of 9 could not be filled.*the others were not tried"):
        await backfill(history).run(request(*ids(9)), Telling())
    tried = Counter(history.asked)
    assert len(tried) == FAILURES_IN_A_ROW
    assert min(tried.values()) > 1


async def test_many_failures_are_counted_and_not_named() -> None:
    """Three of them are; what is wrong with instruments says nothing of the source, so all are tried."""
    history = PlannedHistory(dict.fromkeys(ids(8), 1))
    history.errors = dict.fromkeys(ids(8), NotSupported("no bars"))
    with pytest.raises(JobFailed, match=r"8 of 8 could not be filled: (NSE:S\d: [^;]*; ){3}and 5 more\. "):
        await backfill(history).run(request(*ids(8)), Telling())


async def test_without_a_login_nothing_else_is_tried() -> None:
    """Where nobody can log in meanwhile, as in a command."""
    history = PlannedHistory(dict.fromkeys(ids(3), 1))
    history.errors = {"NSE:S0": LoginRequired("nobody is logged in", login_url="http://localhost")}
    with pytest.raises(LoginRequired):
        await backfill(history).run(request(*ids(3)), Telling())
    assert history.asked == ["NSE:S0"]


def test_a_request_comes_back_from_json_as_it_was() -> None:
    """Each instrument once, in the order asked, with the instants to the microsecond."""
    end = MONDAY_NOON + timedelta(microseconds=1)
    asked = BackfillRequest.of(["NSE:B", "NSE:A", "NSE:B"], Interval.MINUTE_5, start=START, end=end, now=end)
    assert asked.ids == ("NSE:B", "NSE:A")
    assert BackfillRequest.from_json(asked.to_json()) == asked


@pytest.mark.parametrize(
    ("instruments", "start", "error", "message"),
    [
        ([], START, InvalidInput, "`ids` is empty"),
        (ids(MAX_INSTRUMENTS + 1), START, InvalidInput, "at most 500"),
        (["NSE:A"], MONDAY_NOON, InvalidRange, "in the future"),
    ],
    ids=["none", "too many", "future"],
)
def test_nonsense_is_refused(
    instruments: list[str], start: datetime, error: type[MarketDataError], message: str
) -> None:
    """Before anything is made of it."""
    with pytest.raises(error, match=message):
        BackfillRequest.of(instruments, Interval.DAY, start=start, end=None, now=MONDAY_NOON)


async def test_what_can_never_be_had_is_refused_before_it_is_a_job() -> None:
    """Unknown instruments, ranges beyond the source's reach."""
    master = Master()
    master.forgotten = {"NSE:S1"}
    work = backfill(PlannedHistory(dict.fromkeys(ids(2), 1)), master)
    await work.check(request("NSE:S0"))
    with pytest.raises(UnknownInstrument):
        await work.check(request(*ids(2)))
    with pytest.raises(InvalidRange, match="beyond the source's reach"):
        await work.check(request("NSE:S0", start=MONDAY_NOON - 20_000 * DAY))


async def test_each_instrument_is_checked_against_its_source() -> None:
    """Not the first alone: what its source never has is told before anything is fetched."""
    history = PlannedHistory(dict.fromkeys(ids(3), 1))
    history.refused = {"NSE:S2": NotSupported("it has no such bars")}
    with pytest.raises(NotSupported, match="no such bars"):
        await backfill(history).check(request(*ids(3)))


def test_a_request_ends_now_at_the_latest() -> None:
    """So that no message says that bars of the future are stored."""
    asked = BackfillRequest.of(["NSE:A"], Interval.DAY, start=START, end=MONDAY_NOON + 9999 * DAY, now=MONDAY_NOON)
    assert asked.span == CandleRange(START, MONDAY_NOON)


@pytest.mark.parametrize(
    ("interval", "begin"), [(Interval.WEEK, "2026-11-16"), (Interval.MONTH, "2026-11-01"), (Interval.DAY, "2026-11-20")]
)
def test_a_span_in_which_no_bar_opens_is_refused(interval: Interval, begin: str) -> None:
    """With the day to begin at: to say that its bars are stored would be untrue. One that opens is enough."""
    friday, saturday = MONDAY_NOON - 3 * DAY, MONDAY_NOON - 2.5 * DAY
    with pytest.raises(InvalidRange, match=f"no {interval} bar opens between .*: begin at {begin}"):
        BackfillRequest.of(["NSE:A"], interval, start=friday, end=saturday, now=MONDAY_NOON)
    opens = datetime.fromisoformat(f"{begin}T00:00:00+05:30")
    BackfillRequest.of(["NSE:A"], interval, start=opens, end=saturday, now=MONDAY_NOON)


@asynccontextmanager
async def real_backfill(source: SteadyCandles) -> AsyncIterator[tuple[CandleBackfill, MemoryCandleStore]]:
    """The work over the real history service."""
    store = MemoryCandleStore()
    async with running_history(source, SetClock(), SetPhases(), store=store) as history:
        yield CandleBackfill(history, Master(), SetClock(), Patience(None, sleep=no_pause)), store


async def test_years_are_stored_and_a_second_run_asks_for_nothing() -> None:
    """With the real history service: eleven years of days are two requests an instrument, one at a time."""
    source, asked = SteadyCandles(latency=0.001), request("NSE:A", "NSE:B")
    async with real_backfill(source) as (work, store):
        first, second = Telling(), Telling()
        await work.run(asked, first)
        await work.run(asked, second)
        bars = await store.bars("NSE:B", Interval.DAY, CandleRange(START, MONDAY_NOON))
    assert (len(source.asked), source.most_running) == (4, 1)
    assert (first.done, first.total, second.done, second.total) == (4, 4, 0, 0)
    assert len(bars) == 3999, "the first day began before the span, and today is not over"


async def test_a_run_that_is_cancelled_keeps_what_came() -> None:
    """The next one asks for the rest alone."""
    source, asked = (
        SteadyCandles(latency=0.001),
        request("NSE:A", "NSE:B", interval=Interval.HOUR, start=MONDAY_NOON - 1500 * DAY),
    )
    async with real_backfill(source) as (work, _store):
        with anyio.CancelScope() as scope:
            await work.run(asked, Progress(lambda now: scope.cancel() if now.done == 3 else None))
        assert scope.cancelled_caught
        await work.run(asked, Telling())
    assert len(source.asked) == len({(span.start, span.end) for span in source.asked}) * 2
