"""A morning's sync at the real size, over real databases, while the service goes on answering.

How long it takes, and how long the loop is held at most, is measured in bench/master.py.
"""

from itertools import cycle

from anyio import to_thread
from anyio.lowlevel import checkpoint

from app.domain.garbage import collections_paused
from app.domain.provenance import DataSource
from app.ports import InstrumentDump
from app.services.instruments.catalogue import InstrumentCatalogue
from app.services.instruments.service import InstrumentService
from app.store.engine import open_database
from app.store.instruments import SqlInstrumentStore
from app.store.settings import SqlSettingStore
from tests.instruments.masters import large_master, listed
from tests.support.clock import FixedClock
from tests.support.steps import counted_work

SHORT_TURN = 20_000
"""Calls of functions in one turn of the event loop: a few milliseconds, and far fewer than there are instruments."""
DAY = 24 * 3600


class ChangingMaster:
    """130,000 instruments, of which 2,000 come and go from one morning to the next."""

    source = DataSource.KITE

    def __init__(self) -> None:
        with collections_paused():
            common = large_master()
        new = [listed(f"NEW{number}") for number in range(2_000)]
        self._masters = cycle([InstrumentDump(common, "a"), InstrumentDump([*common[2_000:], *new], "b")])

    async def instruments(self) -> InstrumentDump:
        """The next morning's."""
        return next(self._masters)


async def test_syncs_and_a_start_leave_the_event_loop_free(database_url: str):
    """The first sync, the next morning's, and a restart that loads 130,000 instruments."""
    async with open_database(database_url) as database:
        clock = FixedClock()
        store, settings = SqlInstrumentStore(database, clock), SqlSettingStore(database, clock)
        source = ChangingMaster()
        service = InstrumentService(store, source, settings, clock)
        with counted_work() as work:
            first = await service.sync()
        assert (first.total, first.added, first.changed, first.gone) == (130_000, 130_000, 0, 0)
        assert work.longest_turn < SHORT_TURN

        clock.advance(DAY)
        with counted_work() as work:
            report = await service.sync()
        assert (report.total, report.added, report.changed, report.gone) == (130_000, 2_000, 0, 2_000)
        assert work.longest_turn < SHORT_TURN

        again = InstrumentService(store, source, settings, clock)
        with counted_work() as work:
            await again.load()
        assert again.status.total == 130_000
        assert work.longest_turn < SHORT_TURN


async def test_work_at_size_on_the_loop_would_be_seen():
    """A catalogue that is built where the loop runs is one long turn; in a thread it is none."""
    instruments = large_master(size=5_000)
    with counted_work() as work:
        await checkpoint()
        await to_thread.run_sync(InstrumentCatalogue, instruments)
    assert work.longest_turn < SHORT_TURN
    with counted_work() as work:
        await checkpoint()
        InstrumentCatalogue(instruments)
    assert work.longest_turn > SHORT_TURN
