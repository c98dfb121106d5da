"""Migrations: brings a database to the schema of this version. For the start of the service and its readiness."""

import asyncio
import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.store.address import DatabaseAddress, parse_database_url
from app.store.engine import Database, dial_postgresql, prepare_sqlite_file, set_sqlite_pragmas
from app.store.tables import Row

HEAD = "0004"
"""The step that this version of the code expects; a test holds it against the history."""
MIGRATION_LOCK = 0x4B495445
"""Key of the PostgreSQL advisory lock ("KITE"): of two processes that start at once, one migrates, one waits."""


def upgrade_database(url: str) -> None:
    """Bring the database to HEAD; nothing happens if it is there.

    Blocks, and starts an event loop of its own for PostgreSQL: call it before the loop starts, or in a thread.
    Safe when several processes call it at once. Raises what the driver raises; then nothing was changed.
    """
    script = migration_script()
    connected(url, lambda connection: walk(connection, script, HEAD))


def walk(connection: Connection, script: ScriptDirectory, revision: str) -> None:
    """Take the steps from where the database stands up to a revision, or down to it (`base`: to nothing)."""

    def steps(found: str | tuple[str, ...], _context: MigrationContext) -> list[RevisionStep]:
        current = found if isinstance(found, str) else "".join(found) or "base"
        if revision == "base":
            return script._downgrade_revs(revision, current)  # noqa: SLF001 -- what alembic.command itself calls
        return script._upgrade_revs(revision, current)  # noqa: SLF001 -- what alembic.command itself calls

    with EnvironmentContext(Config(), script, fn=steps, destination_rev=revision) as environment:
        environment.configure(connection=connection, **configuration())
        with environment.begin_transaction():
            environment.run_migrations()


def configuration() -> dict[str, Any]:
    """How a migration context is set up, here and on the command line: one transaction, on SQLite too."""
    return {
        "target_metadata": Row.metadata,
        "compare_type": True,
        "compare_server_default": True,
        "render_as_batch": True,
        "transactional_ddl": True,
    }


def migration_script() -> ScriptDirectory:
    """The history, read from its files, in a checkout and in an installed package alike. Blocks."""
    found = importlib.util.find_spec("migrations")
    if found is None or not found.submodule_search_locations:
        msg = "the package `migrations` is missing: install the service again"
        raise RuntimeError(msg)
    script = ScriptDirectory(next(iter(found.submodule_search_locations)))
    script.get_revisions("heads")  # reads the files now, before any event loop runs
    return script


def connected(url: str, work: Callable[[Connection], object]) -> None:
    """Run `work` over one connection that excludes every other migration, in one transaction. Blocks."""
    address = parse_database_url(url)
    if address.path is not None:
        _over_sqlite(address, work)
    else:
        asyncio.run(_over_postgresql(address, work))


async def is_migrated(database: Database) -> bool:
    """Whether the database has the schema of this version. Raises if it cannot be reached."""
    async with database.engine.connect() as connection:
        try:
            found = await connection.execute(text("SELECT version_num FROM alembic_version"))
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            return False
        return found.scalars().all() == [HEAD]


def _over_sqlite(address: DatabaseAddress, work: Callable[[Connection], object]) -> None:
    """The write lock is taken before anything is read, so a second process waits and then sees the new schema."""
    if address.path is None:
        raise ValueError(address.shown)
    prepare_sqlite_file(address.path)
    engine = create_engine(f"sqlite:///{address.path}", poolclass=NullPool, connect_args={"isolation_level": None})
    event.listen(engine, "connect", set_sqlite_pragmas)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.begin() as connection:
        work(connection)


async def _over_postgresql(address: DatabaseAddress, work: Callable[[Connection], object]) -> None:
    dial = partial(dial_postgresql, address, command_timeout=None)
    engine = create_async_engine("postgresql+asyncpg://", async_creator=dial, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        await connection.run_sync(work)
