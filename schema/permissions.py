"""Who may do what. Every mutation declares one of these; a test holds it."""

from typing import Any

import strawberry
from strawberry.permission import BasePermission

from schema.context import RequestContext


class AdminOnly(BasePermission):
    """ADMIN: everyone on loopback, or whoever sends ADMIN_TOKEN where one is set."""

    message = "ADMIN only"

    def has_permission(self, source: Any, info: strawberry.Info[RequestContext, None], **kwargs: Any) -> bool:
        """True for an ADMIN. Raises Forbidden, with the remedy, for anyone else."""
        del source, kwargs
        info.context.require_admin()
        return True
