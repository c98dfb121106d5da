"""The Kite session and the used login nonces. Satisfies ports.SessionStore; for the session service."""

from datetime import datetime

import structlog
from sqlalchemy import delete, insert, update
from sqlalchemy.sql.dml import Update
from sqlmodel import col, select

from app.domain.feeds import KiteGrant
from app.ports import Clock
from app.store.engine import Database
from app.store.sealing import Sealer
from app.store.tables import KiteSessionRow, UsedLoginStateRow
from app.store.upsert import insert_or_ignore

log = structlog.get_logger()


class SqlSessionStore:
    """Sessions with sealed tokens. At most one holds: the newest that has not ended."""

    def __init__(self, database: Database, sealer: Sealer, clock: Clock) -> None:
        self._database = database
        self._sealer = sealer
        self._clock = clock

    async def load(self) -> KiteGrant | None:
        """The session that holds; None if there is none or its token cannot be unsealed (then a warning is logged)."""
        query = select(KiteSessionRow.__table__).where(col(KiteSessionRow.ended_at).is_(None))  # type: ignore[attr-defined]
        async with self._database.begin() as connection:
            found = await connection.execute(query.order_by(col(KiteSessionRow.id).desc()).limit(1))
        row = found.one_or_none()
        if row is None or row.sealed_token is None:
            return None
        token = self._sealer.unseal(row.sealed_token)
        if token is None:
            log.warning("kite_session_cannot_be_unsealed", user_id=row.user_id, remedy="log in to Kite again")
            return None
        return KiteGrant(
            user_id=row.user_id,
            user_name=row.user_name,
            access_token=token,
            login_time=row.login_time,
            expires_at=row.expires_at,
        )

    async def save(self, grant: KiteGrant) -> None:
        """Make this the session that holds; the one before ends as "replaced"."""
        row = {
            "user_id": grant.user_id,
            "user_name": grant.user_name,
            "sealed_token": self._sealer.seal(grant.access_token),
            "login_time": grant.login_time,
            "expires_at": grant.expires_at,
        }
        async with self._database.begin() as connection:
            await connection.execute(self._ending("replaced"))
            await connection.execute(insert(KiteSessionRow).values(row))

    async def end(self, reason: str) -> None:
        """Forget the token, keeping that there was a session and why it ended. None to end is no error."""
        async with self._database.begin() as connection:
            await connection.execute(self._ending(reason))

    async def use_login_state(self, nonce: str, expires_at: datetime) -> bool:
        """Mark a nonce as used; False if it was before. Exactly one of several processes gets True.

        Nonces past their `expires_at` are forgotten: the caller refuses those for their age.
        """
        stale = delete(UsedLoginStateRow).where(col(UsedLoginStateRow.expires_at) < self._clock.now())
        use = insert_or_ignore(self._database.dialect, UsedLoginStateRow, {"nonce": nonce, "expires_at": expires_at})
        async with self._database.begin() as connection:
            await connection.execute(stale)
            return (await connection.execute(use)).rowcount == 1

    def _ending(self, reason: str) -> Update:
        return (
            update(KiteSessionRow)
            .where(col(KiteSessionRow.ended_at).is_(None))
            .values(sealed_token=None, ended_at=self._clock.now(), ended_reason=reason)
        )
