"""Jobs over a store in memory, with works whose every piece waits for the test's word."""

# ruff: noqa: D102 - what a fake's method means stands in its port

from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import anyio

from app.domain.changes import ChangeSignal
from app.domain.errors import InvalidInput, SourceUnavailable
from app.domain.jobs import Job, JobKind, JobState
from app.ports import JobStore
from app.services.jobs.service import Jobs
from app.services.jobs.work import JobFailed, JobRequest, Progress
from tests.services.fakes import SetClock
from tests.support.stores import MemoryJobStore

BACKFILL, SYNC = JobKind.CANDLE_BACKFILL, JobKind.INSTRUMENT_SYNC
WAIT_SECONDS = 20


class PieceWork:
    """Jobs of some pieces, one at a time. What was done is remembered over restarts, as the history store does."""

    unit = "pieces"

    def __init__(self) -> None:
        self.done: defaultdict[str, int] = defaultdict(int)
        """Pieces by the job's name; they are done once, whoever restarts."""
        self.order: list[str] = []
        self.owner: str | None = None
        """The name of the job that is worked on at this moment."""
        self._allowed = 0
        self._moved = ChangeSignal()

    def allow(self, pieces: int = 1) -> None:
        """That many more pieces may be done."""
        self._allowed += pieces
        self._moved.fire()

    async def check(self, request: JobRequest) -> None:
        if "name" not in request:
            msg = "a job needs a name"
            raise InvalidInput(msg)

    async def run(self, request: JobRequest, progress: Progress) -> None:
        name, pieces = str(request["name"]), int(str(request["pieces"]))
        assert self.owner is None, "two jobs of a kind at a time"
        self.owner = name
        self.order.append(name)
        try:
            progress.tell(total=pieces)
            while self.done[name] < pieces:
                await self._permission()
                self.done[name] += 1
                progress.tell(done=self.done[name], message=f"piece {self.done[name]}")
            _end_as_asked(request)
        finally:
            self.owner = None

    async def _permission(self) -> None:
        moves = self._moved.changes()
        while not self._allowed:
            await anext(moves)
        self._allowed -= 1


def _end_as_asked(request: JobRequest) -> None:
    ends: dict[object, Exception] = {
        "job": JobFailed("2 of 3 could not be had; ask again"),
        "source": SourceUnavailable("Kite does not answer; ask again later"),
        "bug": ZeroDivisionError("a secret"),
    }
    if (end := request.get("end")) is not None:
        raise ends[end]


class CountingStore(MemoryJobStore):
    """Keeps every state that was written; fails when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[Job] = []
        self.failures = 0

    async def save(self, job: Job, request: JobRequest) -> None:
        if self.failures:
            self.failures -= 1
            msg = "disk full"
            raise OSError(msg)
        self.written.append(job)
        await super().save(job, request)


class JobBench:
    """Jobs, their parts, and short questions to them."""

    def __init__(self, store: CountingStore, works: dict[JobKind, PieceWork], *, save_every: float = 0.001) -> None:
        self.store, self.works, self.clock = store, works, SetClock()
        self.jobs = Jobs(store, self.clock, works, save_every=save_every)

    @property
    def work(self) -> PieceWork:
        """That of backfills."""
        return self.works[BACKFILL]

    async def submit(self, name: str, pieces: int = 2, *, kind: JobKind = BACKFILL, **more: object) -> Job:
        """A job that was created a second after the last one."""
        self.clock.time += timedelta(seconds=1)
        return await self.jobs.submit(kind, {"name": name, "pieces": pieces, **more})

    async def until(self, job: Job, reached: Callable[[Job], bool]) -> Job:
        """The job, as soon as it is so."""
        with anyio.fail_after(WAIT_SECONDS):
            async for now in self.jobs.changes(job.id):
                if reached(now):
                    return now
        raise AssertionError(await self.jobs.find(job.id))

    async def until_state(self, job: Job, state: JobState) -> Job:
        """The job, as soon as it is in a state."""
        return await self.until(job, lambda now: now.state is state)


@asynccontextmanager
async def running_jobs(
    store: CountingStore | None = None, works: dict[JobKind, PieceWork] | None = None, *, save_every: float = 0.001
) -> AsyncIterator[JobBench]:
    """Jobs whose `run` runs until the block is left, as at an orderly stop. The same store and works: a restart."""
    bench = JobBench(
        store or CountingStore(), works or {BACKFILL: PieceWork(), SYNC: PieceWork()}, save_every=save_every
    )
    failures: list[Exception] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.jobs.run)
        try:
            yield bench
        except Exception as failure:  # noqa: BLE001 - raised below, outside of the group that would wrap it
            failures.append(failure)
        finally:
            tasks.cancel_scope.cancel()
    if failures:
        raise failures[0]


async def unfinished(store: JobStore) -> list[JobState]:
    """The states of what has not ended, in the store."""
    return [job.state for job, _request in await store.unfinished()]
