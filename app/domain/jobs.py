"""Work in the background: what is asked for, how far it is, how it ended."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class JobKind(StrEnum):
    """What a job does."""

    CANDLE_BACKFILL = "CANDLE_BACKFILL"
    INSTRUMENT_SYNC = "INSTRUMENT_SYNC"


class JobState(StrEnum):
    """Where a job stands. The last three are final."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


FINISHED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})


@dataclass(frozen=True, slots=True)
class Job:
    """A job and its progress."""

    id: str
    kind: JobKind
    state: JobState
    done: int
    """Units finished."""
    total: int | None
    """Units in all; None while they are not counted yet."""
    unit: str
    """What is counted: requests, instruments."""
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    message: str | None = None
    """What it is at, or why it failed."""
