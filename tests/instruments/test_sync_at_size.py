"""A morning's sync at the real size, over real databases, while the service goes on answering."""

from itertools import cycle

from app.domain.garbage import collections_paused
from app.domain.provenance import DataSource
from app.ports import InstrumentDump
from app.services.instruments import InstrumentService
from app.store.engine import open_database
from app.store.instruments import SqlInstrumentStore
from app.store.settings import SqlSettingStore
from tests.instruments.masters import large_master, listed
from tests.support.clock import FixedClock
from tests.support.loop import longest_stall

LONGEST_STALL = 0.05
"""Seconds that the event loop may be held by a sync or a start."""
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
        first = await service.sync()
        assert (first.total, first.added, first.changed, first.gone) == (130_000, 130_000, 0, 0)

        async def next_morning() -> None:
            clock.advance(DAY)
            report = await service.sync()
            assert (report.total, report.added, report.changed, report.gone) == (130_000, 2_000, 0, 2_000)

        started: list[InstrumentService] = []

        async def restart() -> None:
            again = InstrumentService(store, source, settings, clock)
            await again.load()
            assert again.status.total == 130_000
            started.append(again)  # or its end would be measured too

        assert await longest_stall(next_morning, LONGEST_STALL) < LONGEST_STALL
        assert await longest_stall(restart, LONGEST_STALL) < LONGEST_STALL
