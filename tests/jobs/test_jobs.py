"""Jobs: one at a time, followed, cancelled, persisted, taken up again."""

import anyio
import pytest
from structlog.testing import capture_logs

from app.domain.errors import InvalidInput
from app.domain.jobs import FINISHED, Job, JobState
from app.services.jobs import service as jobs_module
from tests.jobs.bench import BACKFILL, SYNC, CountingStore, JobBench, PieceWork, running_jobs, unfinished


async def test_a_job_is_queued_stored_done_and_told() -> None:
    """Every state on the way, with units, times and the message of its work."""
    async with running_jobs() as bench:
        asked = await bench.submit("a", 2)
        assert (asked.state, asked.done, asked.total, asked.unit) == (JobState.QUEUED, 0, None, "pieces")
        assert await bench.store.find(asked.id) == asked
        bench.clock.advance(5)
        await bench.until(asked, lambda job: job.total == 2)
        bench.work.allow(2)
        done = await bench.until_state(asked, JobState.SUCCEEDED)
        assert (done.done, done.total, done.message) == (2, 2, "piece 2")
        assert done.started_at is not None
        assert done.finished_at is not None
        assert asked.created_at <= done.started_at < done.finished_at
    assert await bench.store.find(asked.id) == done


async def test_one_job_of_a_kind_runs_at_a_time_and_kinds_beside_each_other() -> None:
    """First come, first served; PieceWork itself refuses two at a time."""
    async with running_jobs() as bench:
        first, second = await bench.submit("a"), await bench.submit("b")
        other = await bench.submit("s", kind=SYNC)
        await bench.until_state(first, JobState.RUNNING)
        await bench.until_state(other, JobState.RUNNING)
        waiting = await bench.jobs.find(second.id)
        assert waiting is not None
        assert waiting.state is JobState.QUEUED
        bench.work.allow(4)
        await bench.until_state(second, JobState.SUCCEEDED)
        assert bench.work.order == ["a", "b"]


async def test_whoever_follows_gets_the_present_state_first_and_the_final_one_last() -> None:
    """Changes between two looks are merged, and a job that ended long ago has its one state."""
    async with running_jobs() as bench:
        asked = await bench.submit("a", 50)
        seen: list[Job] = []
        async for job in bench.jobs.changes(asked.id):
            seen.append(job)
            bench.work.allow(10)
            await anyio.sleep(0.002)
        assert seen[0].done == 0
        assert [job.done for job in seen] == sorted(job.done for job in seen)
        assert seen[-1].state is JobState.SUCCEEDED
        assert sum(job.state in FINISHED for job in seen) == 1
        assert len(seen) < 50
        assert [job async for job in bench.jobs.changes(asked.id)] == [seen[-1]]


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("job", "2 of 3 could not be had; ask again"),
        ("source", "SOURCE_UNAVAILABLE: Kite does not answer; ask again later"),
        ("bug", "it failed with ZeroDivisionError; the log of the service says why"),
    ],
)
async def test_a_job_that_fails_says_why_and_the_next_one_goes_on(end: str, message: str) -> None:
    """With a cause for a person; of a bug only its kind, since its text may hold anything: that is for the log."""
    with capture_logs() as logs:
        async with running_jobs() as bench:
            failing, next_one = await bench.submit("a", 1, end=end), await bench.submit("b", 1)
            bench.work.allow(2)
            assert (await bench.until_state(failing, JobState.FAILED)).message == message
            await bench.until_state(next_one, JobState.SUCCEEDED)
    assert any(entry.get("exc_info") for entry in logs) == (end == "bug")


async def test_cancelling_ends_a_running_job_at_its_next_piece() -> None:
    """It is CANCELLED when the call returns, what it did is kept, and the next job begins."""
    async with running_jobs() as bench:
        running, next_one = await bench.submit("a", 9), await bench.submit("b", 1)
        bench.work.allow(3)
        await bench.until(running, lambda job: job.done == 3)
        cancelled = await bench.jobs.cancel(running.id)
        assert (cancelled.state, cancelled.done) == (JobState.CANCELLED, 3)
        assert cancelled.finished_at is not None
        bench.work.allow(1)
        await bench.until_state(next_one, JobState.SUCCEEDED)
        assert bench.work.done["a"] == 3
    assert await bench.store.find(running.id) == cancelled


async def test_cancelling_ends_a_waiting_job_at_once() -> None:
    """It never begins."""
    async with running_jobs() as bench:
        running, waiting = await bench.submit("a", 1), await bench.submit("b", 1)
        cancelled = await bench.jobs.cancel(waiting.id)
        assert (cancelled.state, cancelled.started_at) == (JobState.CANCELLED, None)
        bench.work.allow(2)
        await bench.until_state(running, JobState.SUCCEEDED)
    assert bench.work.order == ["a"]
    assert await bench.store.find(waiting.id) == cancelled


async def test_a_job_that_has_ended_cannot_be_cancelled() -> None:
    """The error names its state; an id that there never was has its own."""
    async with running_jobs() as bench:
        asked = await bench.submit("a", 1)
        bench.work.allow(1)
        await bench.until_state(asked, JobState.SUCCEEDED)
        with pytest.raises(InvalidInput, match="ended already: it is SUCCEEDED"):
            await bench.jobs.cancel(asked.id)
        for unknown in (bench.jobs.cancel("nope"), anext(bench.jobs.changes("nope"))):
            with pytest.raises(InvalidInput, match="there is no job 'nope'"):
                await unknown
        assert await bench.jobs.find("nope") is None


async def test_nonsense_never_becomes_a_job() -> None:
    """What the kind refuses is refused before anything is stored."""
    async with running_jobs() as bench:
        with pytest.raises(InvalidInput, match="needs a name"):
            await bench.jobs.submit(BACKFILL, {})
    assert bench.store.written == []


async def test_the_newest_jobs_come_first_as_they_are_now() -> None:
    """Also those whose progress the store has not heard of yet; 1 to 100 of them."""
    async with running_jobs(save_every=60) as bench:
        old, new = await bench.submit("a", 1), await bench.submit("b", 9)
        bench.work.allow(4)
        await bench.until(new, lambda job: job.done == 3)
        newest, older = await bench.jobs.newest(5)
        assert (newest.id, newest.done, older.id) == (new.id, 3, old.id)
        assert [job.id for job in await bench.jobs.newest(1)] == [new.id]
        for first in (0, 101):
            with pytest.raises(InvalidInput, match=f"`first` is {first}; it must lie between 1 and 100"):
                await bench.jobs.newest(first)


async def test_jobs_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is an error; there is room again when one has ended."""
    monkeypatch.setattr(jobs_module, "MAX_UNFINISHED", 2)
    async with running_jobs() as bench:
        first, _second = await bench.submit("a"), await bench.submit("b")
        with pytest.raises(InvalidInput, match="2 jobs are waiting or running; cancel one"):
            await bench.submit("c")
        await bench.jobs.cancel(first.id)
        await bench.submit("c")


async def test_progress_is_written_now_and_then() -> None:
    """However many pieces a second there are: the store hears of the beginning, of the end, and little between."""
    async with running_jobs(save_every=60) as bench:
        asked = await bench.submit("a", 500)
        bench.work.allow(500)
        await bench.until_state(asked, JobState.SUCCEEDED)
    assert len(bench.store.written) <= 4
    assert bench.store.written[-1].done == 500


async def test_a_job_goes_on_after_a_restart() -> None:
    """Where it was: no piece is done twice, `done` never falls, and it began when it first began."""
    async with running_jobs() as bench:
        asked, later = await bench.submit("a", 5), await bench.submit("b", 1)
        bench.work.allow(2)
        before = await bench.until(asked, lambda job: job.done == 2)
    assert await unfinished(bench.store) == [JobState.QUEUED, JobState.QUEUED]
    async with running_jobs(bench.store, bench.works) as again:
        resumed = await again.until_state(asked, JobState.RUNNING)
        assert (resumed.done, resumed.started_at) == (2, before.started_at)
        again.work.allow(4)
        done = await again.until_state(asked, JobState.SUCCEEDED)
        await again.until_state(later, JobState.SUCCEEDED)
    assert done.done == again.work.done["a"] == 5
    assert again.work.order == ["a", "a", "b"]


async def test_what_a_killed_process_left_running_waits_until_somebody_does_it() -> None:
    """Nobody is told that it runs before it does; it can be cancelled meanwhile."""
    store = CountingStore()
    async with running_jobs(store) as bench:
        asked = await bench.submit("a", 5)
        running = await bench.until_state(asked, JobState.RUNNING)
    await store.save(running, {"name": "a", "pieces": 5})
    again = jobs_module.Jobs(store, bench.clock, bench.works)
    found = await again.find(asked.id)
    assert found is not None
    assert (found.state, found.message) == (JobState.QUEUED, jobs_module.INTERRUPTED)
    assert await unfinished(store) == [JobState.QUEUED]
    assert (await again.cancel(asked.id)).state is JobState.CANCELLED
    assert await unfinished(store) == []


async def test_a_store_that_fails_stops_the_work_and_loses_nothing() -> None:
    """`run` raises, for its supervisor to start it again; then the job goes on, and its end is stored."""
    bench = JobBench(CountingStore(), {BACKFILL: PieceWork()})
    asked = await bench.submit("a", 3)
    bench.store.failures = 2
    bench.work.allow(1)
    with anyio.fail_after(20), pytest.raises(ExceptionGroup):
        await bench.jobs.run()
    waiting = await bench.jobs.find(asked.id)
    assert waiting is not None
    assert (waiting.state, bench.store.failures) == (JobState.QUEUED, 0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.jobs.run)
        bench.work.allow(2)
        done = await bench.until_state(asked, JobState.SUCCEEDED)
        tasks.cancel_scope.cancel()
    assert (done.done, await bench.store.find(asked.id)) == (3, done)


async def test_a_caller_that_leaves_while_its_job_is_stored_changes_nothing() -> None:
    """The job is there and is done: none is left that nobody owns."""
    async with running_jobs() as bench:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await bench.submit("a", 1)
        bench.work.allow(1)
        for job in await bench.jobs.newest(10):
            await bench.until_state(job, JobState.SUCCEEDED)
    assert await unfinished(bench.store) == []
