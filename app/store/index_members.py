"""Imported lists of index members, each from its date on. Satisfies ports.MembershipStore; for the services."""

from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col, delete

from app.domain.constituents import Membership
from app.domain.errors import SourceUnavailable
from app.ports import Clock
from app.store.engine import DATABASE_FAILURES, Database
from app.store.tables import IndexMembershipRow


class SqlMembershipStore:
    """Lists by index and date; older ones stay."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def save(self, membership: Membership) -> bool:
        """Store a list in one transaction; whether there was one of the same index and date, which it replaces."""
        row = IndexMembershipRow(
            index_id=membership.index,
            valid_from=membership.valid_from,
            members=list(membership.members),
            source=membership.source,
            imported_at=self._clock.now(),
        )
        async with self._database.begin() as connection:
            replaced = await _delete(connection, membership.index, membership.valid_from)
            await connection.execute(IndexMembershipRow.__table__.insert().values(**row.model_dump()))  # type: ignore[attr-defined]  # SQLModel makes it
        return replaced

    async def remove(self, index: str, valid_from: date) -> bool:
        """Forget the list of an index and date; whether there was one."""
        async with self._database.begin() as connection:
            return await _delete(connection, index, valid_from)

    async def all(self) -> list[Membership]:
        """Every list, the oldest first. Raises SourceUnavailable if the database does not answer."""
        table = IndexMembershipRow.__table__  # type: ignore[attr-defined]  # SQLModel makes it
        query = table.select().order_by(table.c.valid_from, table.c.index_id)
        try:
            async with self._database.begin() as connection:
                rows = (await connection.execute(query)).mappings().all()
        except DATABASE_FAILURES:
            msg = "the imported lists of members cannot be read: the database does not answer as it should"
            raise SourceUnavailable(msg) from None
        return [Membership(row["index_id"], row["valid_from"], tuple(row["members"]), row["source"]) for row in rows]


async def _delete(connection: AsyncConnection, index: str, valid_from: date) -> bool:
    """Whether there was one."""
    key = (col(IndexMembershipRow.index_id) == index, col(IndexMembershipRow.valid_from) == valid_from)
    return (await connection.execute(delete(IndexMembershipRow).where(*key))).rowcount > 0
