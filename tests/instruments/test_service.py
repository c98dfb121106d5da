"""The instrument service: load, sync, and what a failed sync leaves."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import anyio
import anyio.lowlevel
import pytest
from structlog.testing import capture_logs

from app.domain.errors import InvalidInput, MalformedPayload, SourceUnavailable, UnknownInstrument
from app.domain.instruments import Instrument
from app.domain.provenance import DataSource
from app.domain.time import IST
from app.services.instruments.master import MasterRecord, last_due, next_due
from app.services.instruments.service import FIRST_RETRY, LONGEST_NAP, LONGEST_RETRY, RECORD, InstrumentService
from tests.instruments.fakes import MemoryInstruments, MemorySettings, ScriptedMaster
from tests.instruments.masters import NOVEMBER, contract, listed, small_master
from tests.support.clock import MONDAY_MORNING, FixedClock
from tests.support.patience import PATIENCE

DOWN = SourceUnavailable("Kite is down: HTTP 502")


class Bench:
    """A service with everything around it in memory; naps move the clock and are noted."""

    def __init__(self, *answers: list[Instrument] | Exception, source: DataSource = DataSource.KITE) -> None:
        self.clock = FixedClock()
        self.store = MemoryInstruments(self.clock)
        self.settings = MemorySettings()
        self.source = ScriptedMaster(*answers, source=source)
        self.naps: list[float] = []
        self.on_nap: Callable[[], Awaitable[None]] | None = None
        self.service = self.start()

    def start(self, source: ScriptedMaster | None = None) -> InstrumentService:
        """A service as after a start of the process."""
        return InstrumentService(self.store, source or self.source, self.settings, self.clock, sleep=self._nap)

    async def run_until(self, done: Callable[[], bool], *, naps: int = 5_000) -> None:
        """Let the service run until something holds; fails if it never does."""

        async def watch() -> None:
            if done():
                group.cancel_scope.cancel()
            assert len(self.naps) < naps, "it never came"

        self.on_nap = watch
        async with anyio.create_task_group() as group:
            group.start_soon(self.service.run)

    async def _nap(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.clock.advance(seconds)
        if self.on_nap is not None:
            await self.on_nap()
        await anyio.lowlevel.checkpoint()


async def test_before_the_first_sync_there_is_nothing_and_it_says_so():
    """Empty, stale, not ready; look-ups answer all the same."""
    bench = Bench(small_master())
    await bench.service.load()
    assert bench.service.find("NSE:INFY") is None
    assert not bench.service.ready.is_set()
    status = bench.service.status
    assert (status.total, status.synced_at, status.last_error, status.stale) == (0, None, None, True)
    with pytest.raises(SourceUnavailable, match="has not been loaded"):
        bench.service.require("NSE:INFY")


async def test_a_sync_takes_the_master_into_use_and_stores_it():
    """The report's numbers, the status, and every kind of look-up."""
    bench = Bench(small_master())
    report = await bench.service.sync()
    assert (report.total, report.added) == (len(small_master()), len(small_master()))
    assert bench.service.ready.is_set()
    status = bench.service.status
    assert (status.total, status.synced_at, status.stale) == (len(small_master()), bench.clock.now(), False)
    assert status.source is DataSource.KITE
    infy = bench.service.require("NSE:INFY")
    assert bench.service.find("NSE:INFY") == bench.service.by_token(408065) == infy
    assert bench.service.has_derivatives("NSE:INFY")
    assert [item.id for item in bench.service.derivatives_of("NSE:INFY")] == ["NFO:INFY26NOVFUT"]
    assert bench.service.search_page("infy", first=1).matches[0].instrument == infy
    with pytest.raises(InvalidInput):
        bench.service.require("INFY")


async def test_a_restart_loads_the_stored_master():
    """Without asking the source; it was synced today, so nothing is due."""
    bench = Bench(small_master())
    await bench.service.sync()
    again = bench.start()
    await again.load()
    assert again.status == replace(bench.service.status, last_attempt_at=None)
    assert again.catalogue.synced_on == MONDAY_MORNING.date()
    assert again.ready.is_set()
    assert bench.source.asked == 1


async def test_the_master_of_another_source_is_not_loaded():
    """Sandbox tokens must never be asked for at Kite."""
    bench = Bench(small_master(), source=DataSource.SANDBOX)
    await bench.service.sync()
    other = bench.start(ScriptedMaster([listed("TCS")]))
    await other.load()
    assert other.status.total == 0
    await other.sync()
    assert other.status.total == 1


@pytest.mark.parametrize("value", [None, 7, "x", [], {"source": "KITE"}, {"source": "NOPE", "synced_at": "2026-11-23"}])
async def test_a_record_that_cannot_be_read_is_no_master(value: object):
    """The next sync makes a new one; a start never fails for it."""
    bench = Bench(small_master())
    await bench.service.sync()
    bench.settings.values[RECORD] = value
    again = bench.start()
    await again.load()
    assert again.status.total == 0


async def test_the_same_master_on_the_same_day_is_not_written_again():
    """The operator's second sync costs the database nothing."""
    bench = Bench(small_master())
    await bench.service.sync()
    bench.clock.advance(60)
    report = await bench.service.sync()
    assert (report.total, report.added, report.changed, report.gone) == (len(small_master()), 0, 0, 0)
    assert bench.store.replaced == [MONDAY_MORNING.date()]
    assert bench.service.status.synced_at == bench.clock.now()
    bench.clock.advance(24 * 3600)
    await bench.service.sync()
    assert len(bench.store.replaced) == 2, "on another day the last-seen dates move"


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (DOWN, "SOURCE_UNAVAILABLE", "Kite is down: HTTP 502"),
        ([], "MALFORMED_PAYLOAD", "KITE sent an empty instrument master: it was refused"),
        (small_master()[:60], "MALFORMED_PAYLOAD", "60 rows, less than half of the 207 in use: it was refused"),
    ],
)
async def test_a_failed_sync_keeps_the_last_master_and_says_so(answer: list[Instrument] | Exception, code, message):
    """A source that is down, an empty master, a truncated one."""
    bench = Bench(small_master(), answer)
    await bench.service.sync()
    before = bench.service.status
    bench.clock.advance(24 * 3600)
    with pytest.raises((SourceUnavailable, MalformedPayload), match=message) as refused:
        await bench.service.sync()
    assert refused.value.code == code
    after = bench.service.status
    assert (after.total, after.synced_at) == (before.total, before.synced_at)
    assert after.last_attempt_at == bench.clock.now()
    assert after.last_error is not None
    assert message in after.last_error
    assert after.stale
    assert bench.service.find("NSE:INFY") is not None
    assert len(bench.store.master) == len(small_master())


async def test_the_operator_can_force_a_master_that_shrank():
    """A sandbox that was made smaller, an exchange that left: but never an empty one."""
    bench = Bench(small_master(), [listed("INFY")], [])
    await bench.service.sync()
    assert (await bench.service.sync(force=True)).total == 1
    assert bench.service.status.last_error is None
    with pytest.raises(MalformedPayload, match="empty"):
        await bench.service.sync(force=True)


async def test_what_nobody_expected_is_told_without_its_text():
    """The text of a foreign error may hold a secret; its type and the log are enough."""
    bench = Bench(small_master(), RuntimeError("password=s3cret"))
    await bench.service.sync()
    with pytest.raises(RuntimeError):
        await bench.service.sync()
    assert bench.service.status.last_error == "the sync failed with RuntimeError; see the log"


async def test_syncs_at_once_go_one_after_the_other():
    """The second finds today's master in use and writes nothing."""
    bench = Bench(small_master())
    async with anyio.create_task_group() as group:
        group.start_soon(bench.service.sync)
        group.start_soon(bench.service.sync)
    assert bench.source.asked == 2
    assert len(bench.store.replaced) == 1


async def test_expired_contracts_cannot_be_asked_for():
    """Their tokens may be another's by now."""
    bench = Bench([contract("INFY", NOVEMBER, underlying="NSE:INFY", token=77), listed("INFY")])
    await bench.service.sync()
    future = "NFO:INFY26NOVFUT"
    bench.clock.set(datetime(2026, 11, 24, 23, 59, tzinfo=IST))
    assert bench.service.find(future) == bench.service.by_token(77) == bench.service.require(future)
    bench.clock.set(datetime(2026, 11, 25, 0, 0, tzinfo=IST))
    assert bench.service.find(future) is None
    assert bench.service.by_token(77) is None
    assert bench.service.derivatives_of("NSE:INFY") == []
    assert bench.service.search_page("infy fut").matches == []
    with pytest.raises(UnknownInstrument, match="expired on 2026-11-24"):
        bench.service.require(future)


async def test_it_syncs_at_the_start_and_then_each_morning():
    """At 08:35 in India, every day, also when the clock is looked at rarely."""
    bench = Bench(small_master())
    await bench.run_until(lambda: len(bench.store.replaced) == 3)
    first = MONDAY_MORNING.date()
    assert bench.store.replaced == [first, first + timedelta(days=1), first + timedelta(days=2)]
    assert bench.clock.now() - datetime(2026, 11, 25, 8, 35, tzinfo=IST) <= timedelta(seconds=LONGEST_NAP)
    assert max(bench.naps) <= LONGEST_NAP


async def test_a_start_with_this_mornings_master_does_not_sync():
    """The next one is tomorrow's."""
    bench = Bench(small_master())
    await bench.service.sync()
    bench.service = bench.start()
    await bench.service.load()
    await bench.run_until(lambda: bench.clock.now() > MONDAY_MORNING + timedelta(hours=12))
    assert bench.source.asked == 1


async def test_a_start_before_the_morning_keeps_yesterdays_master_until_it_is_due():
    """At seven nothing is due; at 08:35 it is."""
    bench = Bench(small_master())
    await bench.service.sync()
    bench.clock.set(datetime(2026, 11, 24, 7, 0, tzinfo=IST))
    bench.service = bench.start()
    await bench.service.load()
    assert not bench.service.status.stale
    await bench.run_until(lambda: bench.source.asked == 2)
    assert bench.clock.now() >= datetime(2026, 11, 24, 8, 35, tzinfo=IST)


async def test_a_machine_that_slept_over_the_morning_syncs_soon_after():
    """The clock jumps and no timer knows: the next look at it does."""
    bench = Bench(small_master())
    await bench.service.sync()
    bench.clock.set(datetime(2026, 11, 27, 14, 0, tzinfo=IST))
    assert bench.service.status.stale
    await bench.run_until(lambda: bench.source.asked == 2, naps=5)


async def test_a_failed_sync_is_tried_again_with_growing_pauses():
    """Until it succeeds; each failure is one line in the log, without a traceback."""
    bench = Bench(*[DOWN] * 8, small_master())
    with capture_logs() as logs:
        await bench.run_until(bench.service.ready.is_set)
    assert bench.naps[:8] == [FIRST_RETRY * 2**n for n in range(6)] + [LONGEST_RETRY] * 2
    failed = [entry for entry in logs if entry["event"] == "instrument_sync_failed"]
    assert [entry["code"] for entry in failed] == ["SOURCE_UNAVAILABLE"] * 8
    assert bench.service.status.last_error is None


async def test_it_is_stale_only_when_the_morning_has_passed_without_a_master():
    """Not in the seconds in which the sync is running."""
    bench = Bench(small_master(), DOWN)
    await bench.service.sync()
    for hour, minute, stale in ((8, 34, False), (8, 36, False), (8, 45, True), (23, 0, True)):
        bench.clock.set(datetime(2026, 11, 24, hour, minute, tzinfo=IST))
        assert bench.service.status.stale is stale


async def test_changes_can_be_awaited():
    """One item at once, one after a sync, one after a failed one."""
    bench = Bench(small_master(), DOWN)
    changes = bench.service.changes()
    await anext(changes)
    await bench.service.sync()
    await anext(changes)
    with pytest.raises(SourceUnavailable):
        await bench.service.sync()
    with anyio.fail_after(PATIENCE):
        await anext(changes)


async def test_an_unchanged_instrument_stays_the_same_object():
    """So that two mornings' masters do not take the room of two."""
    bench = Bench(small_master(), [*small_master(), listed("NEW")])
    await bench.service.sync()
    before = bench.service.require("NSE:INFY")
    await bench.service.sync()
    assert bench.service.require("NSE:INFY") is before
    assert bench.service.require("NSE:NEW")


async def test_who_keeps_a_catalogue_keeps_that_days():
    """A swap while a long answer is made does not change it."""
    bench = Bench([listed("INFY"), listed("TCS")], [listed("INFY"), listed("WIPRO")])
    await bench.service.sync()
    monday = bench.service.catalogue
    await bench.service.sync()
    assert monday.find("NSE:TCS") == listed("TCS")
    assert [match.instrument.symbol for match in monday.search("tcs")] == ["TCS"]
    assert bench.service.find("NSE:TCS") is None


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (datetime(2026, 11, 23, 8, 34, 59, tzinfo=IST), datetime(2026, 11, 22, 8, 35, tzinfo=IST)),
        (datetime(2026, 11, 23, 8, 35, tzinfo=IST), datetime(2026, 11, 23, 8, 35, tzinfo=IST)),
        (datetime(2026, 11, 23, 23, 59, tzinfo=IST), datetime(2026, 11, 23, 8, 35, tzinfo=IST)),
        (datetime(2026, 11, 24, 1, 0, tzinfo=IST), datetime(2026, 11, 23, 8, 35, tzinfo=IST)),
    ],
)
def test_a_master_is_due_at_0835_in_india(now: datetime, due: datetime):
    """Whatever the zone of the machine."""
    assert last_due(now) == due
    assert next_due(now) == due + timedelta(days=1)


def test_a_record_comes_back_from_json():
    """With its source and instant; its date is India's."""
    record = MasterRecord(DataSource.KITE, datetime(2026, 11, 24, 0, 30, tzinfo=IST), "abc")
    assert MasterRecord.from_json(record.to_json()) == record
    assert record.synced_on == date(2026, 11, 24)
