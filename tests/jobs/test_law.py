"""Whatever is asked for, cancelled and restarted: every job has an owner, and every job ends."""

from dataclasses import dataclass, field

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import InvalidInput
from app.domain.jobs import FINISHED, Job, JobKind, JobState
from tests.jobs.bench import BACKFILL, SYNC, CountingStore, JobBench, PieceWork, running_jobs, unfinished

KINDS = st.sampled_from([BACKFILL, SYNC])
STEPS = st.one_of(
    st.tuples(st.just("submit"), KINDS, st.integers(0, 3)),
    st.tuples(st.just("cancel"), KINDS, st.integers(0, 5)),
    st.tuples(st.just("allow"), KINDS, st.integers(1, 4)),
    st.tuples(st.just("breathe"), KINDS, st.integers(1, 4)),
    st.tuples(st.just("restart"), KINDS, st.booleans()),
)
MANY = 1_000
Step = tuple[str, JobKind, int]


@dataclass
class Play:
    """A sequence of steps over one store, with the service restarted on the way."""

    store: CountingStore = field(default_factory=CountingStore)
    works: dict[JobKind, PieceWork] = field(default_factory=lambda: {BACKFILL: PieceWork(), SYNC: PieceWork()})
    asked: list[Job] = field(default_factory=list)
    cancelled: set[str] = field(default_factory=set)

    async def all_of(self, steps: list[Step]) -> None:
        """Each step in its turn; at the end everything may be done, and is."""
        while steps:
            async with running_jobs(self.store, self.works) as bench:
                while steps and (step := steps.pop(0))[0] != "restart":
                    await self._take(bench, step)
                    self._check(bench)
            assert set(await unfinished(self.store)) <= {JobState.QUEUED}
        async with running_jobs(self.store, self.works) as bench:
            for work in self.works.values():
                work.allow(MANY)
            for job in self.asked:
                await bench.until(job, lambda now: now.state in FINISHED)
        assert await unfinished(self.store) == []

    async def _take(self, bench: JobBench, step: Step) -> None:
        what, kind, number = step
        if what == "submit":
            self.asked.append(await bench.submit(f"job {len(self.asked)}", number, kind=kind))
        elif what == "cancel" and number < len(self.asked):
            await self._cancel(bench, self.asked[number])
        elif what == "allow":
            self.works[kind].allow(number)
        else:
            for _ in range(number):
                await anyio.lowlevel.checkpoint()

    async def _cancel(self, bench: JobBench, job: Job) -> None:
        before = await bench.jobs.find(job.id)
        assert before is not None
        try:
            after = await bench.jobs.cancel(job.id)
        except InvalidInput:
            assert before.state in FINISHED or (await bench.jobs.find(job.id) or before).state in FINISHED
        else:
            assert after.state in FINISHED
            self.cancelled |= {job.id} if after.state is JobState.CANCELLED else set()

    def _check(self, bench: JobBench) -> None:
        """At most one job of a kind runs, it has its work, and no other one is worked on."""
        running = [entry for entry in bench.jobs._entries.values() if entry.job.state is JobState.RUNNING]
        assert all(entry.scope is not None for entry in running)
        by_kind = {entry.job.kind: entry.request["name"] for entry in running}
        assert len(by_kind) == len(running)
        assert all(work.owner in {None, by_kind.get(kind)} for kind, work in self.works.items())


@settings(max_examples=150)
@given(steps=st.lists(STEPS, max_size=25))
def test_every_job_has_an_owner_and_every_job_ends(steps: list[Step]) -> None:
    """No job is RUNNING without its work, none is left behind, none that was cancelled is done, no piece twice."""
    play = Play()
    anyio.run(play.all_of, steps)

    async def ends() -> dict[str, Job | None]:
        return {job.id: await play.store.find(job.id) for job in play.asked}

    final = anyio.run(ends)
    for job in play.asked:
        found = final[job.id]
        assert found is not None
        assert found.state is (JobState.CANCELLED if job.id in play.cancelled else JobState.SUCCEEDED)
        states = [written.state for written in play.store.written if written.id == job.id]
        assert sum(state in FINISHED for state in states) == 1
        assert states[-1] in FINISHED
