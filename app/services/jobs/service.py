"""Jobs: work in the background that outlives requests and restarts.

Comes in: a kind and what to do, as JSON. Goes out: a Job with its progress, to whoever asks or follows. Called by the
GraphQL fields of jobs; the runtime owns `run()`.
"""

import secrets
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace

import anyio
import structlog

from app.domain.changes import ChangeSignal
from app.domain.errors import InvalidInput, MarketDataError
from app.domain.jobs import FINISHED, Job, JobKind, JobState
from app.ports import Clock, JobStore
from app.services.jobs.work import JobFailed, JobRequest, Progress, Work

MAX_UNFINISHED = 100
"""Jobs that wait or run: nobody looks through more, and each is kept in memory."""
MAX_SHOWN = 100
"""Jobs of one answer."""
SAVE_SECONDS = 1.0
"""Seconds between two writes of a job's progress: what a restart may lose of the figures, and of nothing else."""
CANCEL_SECONDS = 5.0
"""How long a cancellation is waited for: work in a thread, as a sync's, ends within a second or two."""
INTERRUPTED = "waiting to go on: the service was stopped on the way"

log = structlog.get_logger()


class _Entry:
    """A job that has not ended, in this process."""

    def __init__(self, job: Job, request: JobRequest) -> None:
        self.job = job
        self.request = request
        self.scope: anyio.CancelScope | None = None
        """Of its work, while that runs."""
        self.saved: Job | None = None
        """What the store has."""
        self.saving = anyio.Lock()
        self.changed = ChangeSignal()

    def become(self, job: Job) -> None:
        """The job's next state, told to everyone."""
        self.job = job
        self.changed.fire()


class Jobs:
    """Jobs of each kind, one at a time, the oldest first; kinds beside each other.

    What has not ended is in memory and in the store, and is taken up again after a restart. Bounded: MAX_UNFINISHED.
    Cancel-safe: a caller that leaves changes nothing. Nothing moves unless `run()` runs. For the event loop, and for
    one process: two on the same database would both take up what was not finished.
    """

    def __init__(
        self, store: JobStore, clock: Clock, works: Mapping[JobKind, Work], *, save_every: float = SAVE_SECONDS
    ) -> None:
        self._store = store
        self._clock = clock
        self._works = works
        self._save_every = save_every
        self._entries: dict[str, _Entry] = {}
        self._loaded = False
        self._loading = anyio.Lock()
        self._queued = ChangeSignal()

    # ------------------------------------------------------------ what can be asked

    async def submit(self, kind: JobKind, request: JobRequest) -> Job:
        """The new job, QUEUED and stored. Raises InvalidInput for one too many, and what the kind's `check` raises."""
        await self._load()
        await self._works[kind].check(request)
        waiting = sum(1 for entry in self._entries.values() if entry.job.state not in FINISHED)
        if waiting >= MAX_UNFINISHED:
            msg = f"{waiting} jobs are waiting or running; cancel one, or wait for one to end"
            raise InvalidInput(msg)
        unit, now = self._works[kind].unit, self._clock.now()
        job = Job(secrets.token_hex(8), kind, JobState.QUEUED, done=0, total=None, unit=unit, created_at=now)
        entry = _Entry(job, request)
        self._entries[job.id] = entry
        try:
            await self._save(entry)
        except BaseException:
            del self._entries[job.id]
            raise
        self._queued.fire()
        return job

    async def find(self, job_id: str) -> Job | None:
        """The job as it is now; None if there never was one with this id."""
        await self._load()
        entry = self._entries.get(job_id)
        return await self._store.find(job_id) if entry is None else entry.job

    async def newest(self, first: int) -> list[Job]:
        """The newest jobs, newest first. Raises InvalidInput outside 1 to 100."""
        if not 1 <= first <= MAX_SHOWN:
            msg = f"`first` is {first}; it must lie between 1 and {MAX_SHOWN}"
            raise InvalidInput(msg)
        await self._load()
        entries = dict(self._entries)
        stored = await self._store.newest(first)
        return [entries[job.id].job if job.id in entries else job for job in stored]

    async def changes(self, job_id: str) -> AsyncGenerator[Job, None]:
        """The job as it is, then each change, merged for a slow follower; ends with its final state.

        Raises InvalidInput for an id that there is not.
        """
        await self._load()
        entry = self._entries.get(job_id)
        if entry is None:
            yield await self._require(job_id)
            return
        async for _ in entry.changed.changes():
            job = entry.job
            yield job
            if job.state in FINISHED:
                return

    async def cancel(self, job_id: str) -> Job:
        """The job, CANCELLED; what it has done is kept. One that runs stops at its next piece, which is waited for.

        Raises InvalidInput for a job that has ended, naming its state, or an id that there is not.
        """
        await self._load()
        entry = self._entries.get(job_id)
        job = await self._require(job_id) if entry is None else entry.job
        if entry is None or job.state in FINISHED:
            msg = f"the job {job_id} has ended already: it is {job.state}"
            raise InvalidInput(msg)
        if entry.scope is None:
            self._end(entry, JobState.CANCELLED, "cancelled while it waited")
            await self._close(entry)
            return entry.job
        entry.scope.cancel()
        with anyio.move_on_after(CANCEL_SECONDS):
            async for _ in entry.changed.changes():
                if entry.job.state in FINISHED:
                    break
        return entry.job

    # ------------------------------------------------------------ what is done

    async def run(self) -> None:
        """Take up what was not finished, then do what is asked for, until cancelled. Raises what the store raises."""
        await self._load()
        async with anyio.create_task_group() as tasks:
            for kind in self._works:
                tasks.start_soon(self._serve, kind)

    async def _serve(self, kind: JobKind) -> None:
        """The jobs of one kind."""
        async for _ in self._queued.changes():
            while (entry := self._next(kind)) is not None:
                if entry.job.state not in FINISHED:
                    await self._carry_out(entry)
                await self._close(entry)

    def _next(self, kind: JobKind) -> _Entry | None:
        """What was interrupted comes first, then what was asked for first."""
        entries = [entry for entry in self._entries.values() if entry.job.kind is kind and entry.saved is not None]
        return min(
            entries, key=lambda each: (each.job.started_at is None, each.job.created_at, each.job.id), default=None
        )

    async def _carry_out(self, entry: _Entry) -> None:
        """Until the job has ended. If we are stopped ourselves, it waits again, here and in the store."""
        job, ended, scope = entry.job, None, anyio.CancelScope()
        entry.scope = scope
        entry.become(replace(job, state=JobState.RUNNING, started_at=job.started_at or self._clock.now(), message=None))
        try:
            with scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._keep_saved, entry)
                    ended = await self._outcome(entry)
                    tasks.cancel_scope.cancel()
        finally:
            entry.scope = None
            if ended is None and scope.cancel_called:
                ended = JobState.CANCELLED, "cancelled; what was done is kept"
            if ended is None:
                entry.become(replace(entry.job, state=JobState.QUEUED, message=INTERRUPTED))
            else:
                self._end(entry, *ended)
            await self._save(entry)

    async def _outcome(self, entry: _Entry) -> tuple[JobState, str | None]:
        """How the work ended."""

        def told(progress: Progress) -> None:
            entry.become(replace(entry.job, done=progress.done, total=progress.total, message=progress.message or None))

        job = entry.job
        try:
            await self._works[job.kind].run(entry.request, Progress(told, done=job.done, total=job.total))
        except JobFailed as failure:
            return JobState.FAILED, str(failure)
        except MarketDataError as error:
            return JobState.FAILED, f"{error.code}: {error.message}"
        except Exception as error:
            log.exception("job_failed", job=job.id, kind=job.kind.value)
            return JobState.FAILED, f"it failed with {type(error).__name__}; the log of the service says why"
        return JobState.SUCCEEDED, entry.job.message

    def _end(self, entry: _Entry, state: JobState, message: str | None) -> None:
        entry.become(replace(entry.job, state=state, finished_at=self._clock.now(), message=message))
        log.info("job_ended", job=entry.job.id, kind=entry.job.kind.value, state=state.value, done=entry.job.done)

    # ------------------------------------------------------------ what lasts

    async def _load(self) -> None:
        """Once: what an earlier process left. What was running then waits now, for there is nobody who does it."""
        async with self._loading:
            if self._loaded:
                return
            for job, request in await self._store.unfinished():
                entry = _Entry(job, request)
                entry.saved = job
                if job.state is JobState.RUNNING:
                    entry.job = replace(job, state=JobState.QUEUED, message=INTERRUPTED)
                    await self._save(entry)
                self._entries.setdefault(job.id, entry)
            self._loaded = True
        self._queued.fire()

    async def _keep_saved(self, entry: _Entry) -> None:
        """Writes the job's progress, now and then, until cancelled."""
        async for _ in entry.changed.changes():
            await self._save(entry)
            await anyio.sleep(self._save_every)

    async def _save(self, entry: _Entry) -> None:
        """The store has the job as it is. One write at a time, so that no older state comes after a newer one."""
        with anyio.CancelScope(shield=True):
            async with entry.saving:
                job = entry.job
                if job != entry.saved:
                    await self._store.save(job, entry.request)
                    entry.saved = job

    async def _close(self, entry: _Entry) -> None:
        """A job that has ended is stored, and then forgotten here."""
        await self._save(entry)
        self._entries.pop(entry.job.id, None)

    async def _require(self, job_id: str) -> Job:
        job = await self._store.find(job_id)
        if job is None:
            msg = f"there is no job {job_id!r}; `jobs` lists the newest"
            raise InvalidInput(msg)
        return job
