"""Addresses and engines."""

import os
import stat
from pathlib import Path

import anyio.to_thread
import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.store.address import Dialect, default_database_url, parse_database_url
from app.store.engine import open_database


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg2"])
def test_every_spelling_of_postgresql_is_understood(scheme: str):
    """The driver is ours to choose; libpq's parameters stay."""
    address = parse_database_url(f"{scheme}://kite:s3cret@db:5433/market?sslmode=require")
    assert address.dialect is Dialect.POSTGRESQL
    assert address.dsn == "postgresql://kite:s3cret@db:5433/market?sslmode=require"


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://kite:s3cret@db/market", "sqlite://", "sqlite:///:memory:"])
def test_other_urls_are_refused_with_the_remedy(url: str):
    """The message says what to write, and never shows the password."""
    with pytest.raises(ValueError, match="write postgresql://user:password@host/name or sqlite:") as refused:
        parse_database_url(url)
    assert "s3cret" not in str(refused.value)


def test_the_password_is_in_no_text_of_an_address():
    """Neither str nor repr of what is logged shows it."""
    address = parse_database_url("postgresql://kite:s3cret@db/market")
    assert "s3cret" not in f"{address} {address!r}"
    assert "db/market" in str(address)


def test_the_default_is_a_file_in_the_data_directory(tmp_path: Path):
    """DATABASE_URL wins where it is set."""
    assert parse_database_url(default_database_url("", tmp_path)).path == tmp_path / "kite-services.db"
    assert default_database_url("postgresql://db/x", tmp_path) == "postgresql://db/x"


async def test_the_sqlite_file_is_for_its_owner_alone(tmp_path: Path):
    """The database and its WAL files are 0600, whatever the umask."""
    path = tmp_path / "new" / "service.db"
    old = os.umask(0o022)
    try:
        async with open_database(f"sqlite:///{path}") as database, database.begin() as connection:
            await connection.execute(text("CREATE TABLE t (a INTEGER)"))
            modes = await anyio.to_thread.run_sync(_modes, path.parent)
    finally:
        os.umask(old)
    assert set(modes.values()) == {0o600}
    assert "service.db-wal" in modes


async def test_sqlite_connections_have_our_settings(tmp_path: Path):
    """WAL, waiting for locks, foreign keys held."""
    async with open_database(f"sqlite:///{tmp_path / 'x.db'}") as database, database.begin() as connection:
        names = ("journal_mode", "busy_timeout", "foreign_keys", "synchronous")
        found = [(await connection.execute(text(f"PRAGMA {name}"))).scalar() for name in names]
    assert found == ["wal", 10_000, 1, 1]


async def test_a_database_answers_a_ping(database_url: str):
    """Readiness asks this."""
    async with open_database(database_url) as database:
        await database.ping()


async def test_a_database_that_is_not_there_fails_the_ping():
    """No hang and no silence."""
    async with open_database("postgresql://x:y@/x?host=/nonexistent-folder") as database:
        with pytest.raises((OSError, SQLAlchemyError)):
            await database.ping()


def _modes(folder: Path) -> dict[str, int]:
    return {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in folder.iterdir()}
