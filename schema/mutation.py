"""Mutation: what changes something. ADMIN only."""

from datetime import datetime
from typing import Annotated

import strawberry

from app.domain.feeds import KiteSession
from app.domain.jobs import Job, JobKind
from app.services.jobs.backfill import BackfillRequest
from schema.arguments import Ids, IntervalArgument, JobId
from schema.context import Info
from schema.permissions import AdminOnly
from schema.types.jobs import JobType
from schema.types.providers import KiteSessionType


@strawberry.type(description="What changes something; ADMIN only.")
class Mutation:
    """What changes something."""

    @strawberry.mutation(
        graphql_type=KiteSessionType,
        permission_classes=[AdminOnly],
        description="Exchange the request_token of a finished Kite login for a session. ADMIN.",
    )
    async def complete_kite_login(
        self,
        info: Info,
        request_token: Annotated[
            str, strawberry.argument(description="`request_token` of the address that Kite redirected to; works once.")
        ],
    ) -> KiteSession:
        """The session that the login gave; it takes over from the one before without a restart."""
        return await info.context.services.sessions.complete(request_token)

    @strawberry.mutation(
        graphql_type=KiteSessionType,
        permission_classes=[AdminOnly],
        description="Forget and invalidate the Kite session. ADMIN.",
    )
    async def end_kite_session(self, info: Info) -> KiteSession:
        """The session after it ended: not authenticated, with the link to log in again."""
        return await info.context.services.sessions.end()

    @strawberry.mutation(
        graphql_type=JobType,
        permission_classes=[AdminOnly],
        description="Fetch and store a range of candles in the background, behind everybody's queries. What is stored "
        "already is not fetched again. ADMIN.",
    )
    async def backfill_candles(
        self,
        info: Info,
        ids: Ids,
        *,
        interval: IntervalArgument,
        start: Annotated[datetime, strawberry.argument(name="from", description="First instant, inclusive.")],
        end: Annotated[
            datetime | None, strawberry.argument(name="to", description="Last instant, exclusive; default now.")
        ] = None,
    ) -> Job:
        """The job that does it."""
        services = info.context.services
        asked = BackfillRequest.of(ids, interval, start=start, end=end, now=services.clock.now())
        return await services.jobs.submit(JobKind.CANDLE_BACKFILL, asked.to_json())

    @strawberry.mutation(
        graphql_type=JobType, permission_classes=[AdminOnly], description="Refresh the instrument master now. ADMIN."
    )
    async def sync_instruments(self, info: Info) -> Job:
        """The job that does it."""
        return await info.context.services.jobs.submit(JobKind.INSTRUMENT_SYNC, {})

    @strawberry.mutation(
        graphql_type=JobType,
        permission_classes=[AdminOnly],
        description="Cancel a job: at once while it waits, at its next piece while it runs. What it has done is kept. "
        "An error for a job that has ended. ADMIN.",
    )
    async def cancel_job(self, info: Info, id: JobId) -> Job:  # noqa: A002 - the contract's name
        """The job as it ended."""
        return await info.context.services.jobs.cancel(id)
