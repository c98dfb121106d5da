"""The contract of a job store: in memory, in SQLite, in PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from app.domain.jobs import FINISHED, Job, JobKind, JobState
from app.ports import JobStore
from app.store.engine import open_database
from app.store.jobs import SqlJobStore
from tests.support.clock import MONDAY_MORNING, FixedClock
from tests.support.stores import MemoryJobStore

NOW = MONDAY_MORNING.astimezone(UTC)
REQUEST = {"ids": ["NSE:INFY", "NSE:TCS"], "interval": "DAY", "from": "2015-01-01", "options": {"again": None}}


@pytest.fixture
async def store(contract_url: str | None) -> AsyncIterator[JobStore]:
    """An empty store of each kind."""
    if contract_url is None:
        yield MemoryJobStore()
        return
    async with open_database(contract_url) as database:
        yield SqlJobStore(database, FixedClock())


def job(number: int, state: JobState = JobState.QUEUED) -> Job:
    """The job that was created `number` seconds after NOW."""
    created = NOW + timedelta(seconds=number)
    return Job(f"job-{number}", JobKind.CANDLE_BACKFILL, state, 0, None, "requests", created)


async def test_a_store_without_jobs_says_so(store: JobStore):
    """None and empty lists, not errors."""
    assert await store.find("job-1") is None
    assert await store.newest(5) == []
    assert await store.unfinished() == []


async def test_a_job_comes_back_as_it_was(store: JobStore):
    """Every field with its type, and its request as JSON."""
    running = replace(
        job(1, JobState.RUNNING),
        kind=JobKind.INSTRUMENT_SYNC,
        done=3,
        total=40,
        started_at=NOW + timedelta(microseconds=123_457),
        message="NSE:INFY 2015",
    )
    await store.save(running, REQUEST)
    found = await store.find("job-1")
    assert found == running
    assert (type(found.state), type(found.kind), found.created_at.tzinfo) == (JobState, JobKind, UTC)
    assert await store.unfinished() == [(running, REQUEST)]


async def test_the_last_state_that_was_saved_holds(store: JobStore):
    """With its request, and without a second row."""
    await store.save(job(1), REQUEST)
    done = replace(job(1), state=JobState.SUCCEEDED, done=2, total=2, finished_at=NOW + timedelta(hours=1))
    await store.save(done, {})
    assert await store.newest(5) == [done]
    await store.save(replace(done, state=JobState.QUEUED, finished_at=None), {"again": True})
    assert [request for _job, request in await store.unfinished()] == [{"again": True}]


async def test_the_newest_jobs_come_first(store: JobStore):
    """Whatever the order in which they were saved; as many as were asked for; of one instant by id."""
    twin = replace(job(2), id="job-2b")
    for each in (job(2), twin, job(3), job(1)):
        await store.save(each, {})
    assert await store.newest(9) == [job(3), twin, job(2), job(1)]
    assert await store.newest(2) == [job(3), twin]
    assert await store.newest(0) == await store.newest(-1) == []


async def test_only_jobs_that_have_not_ended_are_unfinished(store: JobStore):
    """Queued and running ones, oldest first; every other state is final."""
    for number, state in enumerate(reversed(JobState)):
        await store.save(job(number, state), {"number": number})
    open_states = [state for state in reversed(JobState) if state not in FINISHED]
    found = await store.unfinished()
    assert [each.state for each, _request in found] == open_states == [JobState.RUNNING, JobState.QUEUED]
    assert all(each.id == f"job-{request['number']}" for each, request in found)


async def test_a_request_that_json_cannot_hold_is_refused(store: JobStore):
    """The job is not saved without it."""
    with pytest.raises(Exception, match="not JSON serializable"):
        await store.save(job(1), {"at": NOW})
    assert await store.find("job-1") is None


async def test_a_request_that_changes_later_is_stored_as_it_was(store: JobStore):
    """The store keeps no reference to what it was given."""
    request = {"ids": ["NSE:INFY"]}
    await store.save(job(1), request)
    request["ids"].append("NSE:TCS")
    assert [kept for _job, kept in await store.unfinished()] == [{"ids": ["NSE:INFY"]}]
