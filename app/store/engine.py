"""The database of a running service: a URL comes in, a `Database` with its engine goes out. Opened by app.runtime."""

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
import asyncpg  # type: ignore[import-untyped]  # it ships none
from sqlalchemy import event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from app.store.address import DatabaseAddress, Dialect, parse_database_url

BUSY_TIMEOUT_SECONDS = 10
"""How long a SQLite writer waits for another process; the longest transaction, a whole master, takes about 2 s."""
CONNECT_TIMEOUT_SECONDS = 10
"""A PostgreSQL that does not answer the dial in this time is down."""
COMMAND_TIMEOUT_SECONDS = 30
"""No statement outside of bulk work takes a second; one that takes this long hangs."""
POOL_SIZE = 5
"""Logins, settings, jobs and the readiness probe use the pool, a few a minute; candles at most five at a time, and
as many again may overflow. Live prices never touch the database."""
POOL_TIMEOUT_SECONDS = 10
"""A connection that cannot be had in this time is an error to tell, not to wait for."""

DATABASE_FAILURES = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
"""What is raised where a database does not answer."""


class Database:
    """An open database: a pool of connections, safe to share between tasks of one event loop."""

    def __init__(self, address: DatabaseAddress, engine: AsyncEngine) -> None:
        self.address = address
        self.engine = engine

    def __repr__(self) -> str:
        return f"Database({self.address})"

    @property
    def dialect(self) -> Dialect:
        """Which of the two databases it is."""
        return self.address.dialect

    def begin(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction: committed when the block ends, rolled back when it raises."""
        return self.engine.begin()

    async def answers(self) -> bool:
        """Whether the database can be asked at this moment."""
        try:
            await self.ping()
        except DATABASE_FAILURES:
            return False
        return True

    async def ping(self) -> None:
        """Returns if the database answers. Raises what the driver raises."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))


@asynccontextmanager
async def open_database(url: str, *, pool_size: int = POOL_SIZE) -> AsyncIterator[Database]:
    """The database at a URL (sqlite:///file, postgresql://...), its file made and owned by us alone.

    It dials when first used; tables are made by `app.store.migrate.upgrade_database`.
    Raises ValueError for a URL that is neither.
    """
    address = parse_database_url(url)
    engine = await anyio.to_thread.run_sync(partial(build_engine, address, pool_size=pool_size))
    try:
        yield Database(address, engine)
    finally:
        with anyio.CancelScope(shield=True):
            await engine.dispose()


def build_engine(address: DatabaseAddress, *, pool_size: int) -> AsyncEngine:
    """An engine that has not dialled yet; a SQLite file is made. Blocks: call it in a thread."""
    if address.path is not None:
        prepare_sqlite_file(address.path)
        engine = create_async_engine(
            f"sqlite+aiosqlite:///{address.path}", pool_size=pool_size, pool_timeout=POOL_TIMEOUT_SECONDS
        )
        event.listen(engine.sync_engine, "connect", set_sqlite_pragmas)
        return engine
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=partial(dial_postgresql, address, command_timeout=COMMAND_TIMEOUT_SECONDS),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        pool_pre_ping=True,
    )


async def dial_postgresql(address: DatabaseAddress, *, command_timeout: float | None) -> Any:
    """A new asyncpg connection; `command_timeout` in seconds, None for bulk work and migrations."""
    return await asyncpg.connect(address.dsn, timeout=CONNECT_TIMEOUT_SECONDS, command_timeout=command_timeout)


def prepare_sqlite_file(path: Path) -> None:
    """Make the file (0600, its folder 0700) if it is missing, and switch it to WAL. Blocks."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def set_sqlite_pragmas(connection: DBAPIConnection, _entry: ConnectionPoolEntry | None = None) -> None:
    """What SQLite keeps per connection: wait for locks, hold foreign keys, sync the WAL at checkpoints only."""
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_SECONDS * 1000}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
