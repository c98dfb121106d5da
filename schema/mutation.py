"""Mutation: what changes something. ADMIN only."""

from typing import Annotated

import strawberry

from app.domain.feeds import KiteSession
from schema.context import Info
from schema.permissions import AdminOnly
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
