"""Background jobs that outlive the process. Satisfies ports.JobStore; for the job service."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Row as ResultRow
from sqlalchemy import Select, select
from sqlmodel import col

from app.domain.jobs import FINISHED, Job, JobKind, JobState
from app.ports import Clock
from app.store.engine import Database
from app.store.tables import JobRow
from app.store.upsert import insert_or_replace

CONTENT = tuple(item.name for item in fields(Job))
"""The columns that a domain object has, in its order."""


class SqlJobStore:
    """One row a job: the last state that was saved holds."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def save(self, job: Job, request: Mapping[str, object]) -> None:
        """Insert or replace a job with what it was asked to do, as JSON."""
        values = asdict(job) | {"request": dict(request), "updated_at": self._clock.now()}
        async with self._database.begin() as connection:
            await connection.execute(insert_or_replace(self._database.dialect, JobRow, "id", values))

    async def find(self, job_id: str) -> Job | None:
        """The job with this id."""
        found = await self._read(_jobs().where(col(JobRow.id) == job_id))
        return _job(found[0]) if found else None

    async def newest(self, count: int) -> list[Job]:
        """The newest jobs, newest first; none for a count below 1."""
        newest = _jobs().order_by(col(JobRow.created_at).desc(), col(JobRow.id).desc())
        return [_job(row) for row in await self._read(newest.limit(max(count, 0)))]

    async def unfinished(self) -> list[tuple[Job, Mapping[str, object]]]:
        """Jobs that are queued or running, oldest first, with their requests."""
        open_jobs = _jobs().where(col(JobRow.state).not_in(sorted(FINISHED)))
        found = await self._read(open_jobs.order_by(col(JobRow.created_at), col(JobRow.id)))
        return [(_job(row), row.request) for row in found]

    async def _read(self, query: Select[Any]) -> list[ResultRow[Any]]:
        async with self._database.begin() as connection:
            return list((await connection.execute(query)).all())


def _jobs() -> Select[Any]:
    table = JobRow.__table__.c  # type: ignore[attr-defined]
    return select(*(table[name] for name in (*CONTENT, "request")))


def _job(row: ResultRow[Any]) -> Job:
    values = {name: getattr(row, name) for name in CONTENT}
    return Job(**values | {"kind": JobKind(row.kind), "state": JobState(row.state)})
