"""Who is calling: the role of a connection (docs/decisions/0005)."""

import hmac

from pydantic import SecretStr

from schema.context import Role
from schema.transport.connection import ConnectionInfo

BEARER = "bearer "


class RoleOf:
    """The role of each caller: ADMIN for the bearer of ADMIN_TOKEN; without one, for everyone on this loopback."""

    def __init__(self, admin_token: SecretStr | None) -> None:
        self._token = None if admin_token is None else admin_token.get_secret_value().encode()

    def __call__(self, connection: ConnectionInfo) -> Role:
        """Decide by the Authorization header, or by `authorization` in the payload of connection_init."""
        if self._token is None:
            return Role.ADMIN
        given = connection.params.get("authorization") or connection.headers.get("authorization")
        if not isinstance(given, str) or not given.lower().startswith(BEARER):
            return Role.READER
        matches = hmac.compare_digest(given[len(BEARER) :].strip().encode(), self._token)
        return Role.ADMIN if matches else Role.READER
