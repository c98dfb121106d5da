"""Job: the fields of `app.domain.jobs`."""

from datetime import datetime

import strawberry

from app.domain.jobs import JobKind, JobState

field = strawberry.field


@strawberry.type(name="Job", description="Work in the background. It outlives requests and restarts of the service.")
class JobType:
    """GraphQL's view of a domain Job."""

    id: strawberry.ID = field(description="Its id, for `job` and `cancelJob`.")
    kind: JobKind = field(description="What it does.")
    state: JobState = field(description="Where it stands.")
    done: int = field(description="Units finished, those before a restart included.")
    total: int | None = field(description="Units in all, as far as is known; null while they are not counted yet.")
    unit: str = field(description="What is counted: requests to the source, or instruments.")
    created_at: datetime = field(description="When it was asked for.")
    started_at: datetime | None = field(description="When it began; null while it waits for its first turn.")
    finished_at: datetime | None = field(description="When it ended, however that was; null before.")
    message: str | None = field(description="What it is at or waits for; in the end what came of it, or why it failed.")
