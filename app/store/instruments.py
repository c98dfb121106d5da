"""The instrument master that lasts. Satisfies ports.InstrumentStore; for the instrument service."""

from collections.abc import Sequence
from datetime import date

import anyio.to_thread

from app.domain.instruments import Instrument
from app.ports import Clock, SyncReport
from app.store.bulk import read_master, replace_master
from app.store.engine import Database


class SqlInstrumentStore:
    """One row for each instrument that ever was in a master, with the dates of the first and the last one.

    Both methods work in a thread, hold the event loop for no more than a few milliseconds, and run to their end
    when they are cancelled.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def current(self) -> list[Instrument]:
        """The instruments of the last sync, in no order."""
        return await anyio.to_thread.run_sync(read_master, self._database.address)

    async def replace_master(self, instruments: Sequence[Instrument], *, seen_on: date) -> SyncReport:
        """Make this the master, in one transaction: all of it or none. Two at once go one after the other."""
        diff = await anyio.to_thread.run_sync(replace_master, self._database.address, instruments, seen_on)
        return SyncReport(
            synced_at=self._clock.now(),
            total=diff.total,
            added=diff.added,
            changed=len(diff.changed),
            gone=len(diff.gone),
        )
