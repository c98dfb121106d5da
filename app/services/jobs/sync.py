"""INSTRUMENT_SYNC: the instrument master, fetched now. Called by Jobs."""

from typing import Protocol

from app.domain.errors import InvalidInput
from app.ports import SyncReport
from app.services.jobs.patience import Patience
from app.services.jobs.work import JobRequest, Progress


class Master(Protocol):
    """The instrument master, as InstrumentService has it."""

    async def sync(self) -> SyncReport:
        """Fetch today's master, store it and take it into use. Raises SourceError."""
        ...


class MasterSync:
    """One sync of the master; counted in instruments. A job that is asked for again finds nothing to do."""

    unit = "instruments"

    def __init__(self, master: Master, patience: Patience) -> None:
        self._master = master
        self._patience = patience

    async def check(self, request: JobRequest) -> None:
        """There is nothing to ask for. Raises InvalidInput if something is."""
        if request:
            msg = "a sync of the instruments takes no arguments"
            raise InvalidInput(msg)

    async def run(self, request: JobRequest, progress: Progress) -> None:
        """Sync; the message says what changed."""
        del request
        progress.tell(message="fetching the instrument master")
        report = await self._patience.insist(self._master.sync, progress)
        progress.tell(
            done=report.total,
            total=report.total,
            message=f"{report.added} added, {report.changed} changed, {report.gone} gone",
        )
