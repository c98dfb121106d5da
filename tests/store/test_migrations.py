"""One history for both databases."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import anyio.to_thread
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect

from app.store.engine import open_database
from app.store.migrate import HEAD, configuration, connected, is_migrated, migration_script, upgrade_database, walk
from app.store.tables import Row


async def test_a_new_database_gets_the_schema_of_this_version(empty_database_url: str):
    """Readiness says no before the upgrade and yes after it; a second upgrade changes nothing."""
    async with open_database(empty_database_url) as database:
        assert not await is_migrated(database)
        await anyio.to_thread.run_sync(upgrade_database, empty_database_url)
        await anyio.to_thread.run_sync(upgrade_database, empty_database_url)
        assert await is_migrated(database)


def drift(url: str) -> list[object]:
    """What `alembic check` would tell: differences between the tables in the code and those in the database."""
    found: list[object] = []

    def compare(connection: Connection) -> None:
        context = MigrationContext.configure(connection, opts=configuration())
        found.extend(compare_metadata(context, Row.metadata))

    connected(url, compare)
    return found


def test_the_tables_of_the_code_are_those_of_the_history(database_url: str):
    """`alembic check`: no difference that a new migration would have to make."""
    assert drift(database_url) == []


def test_a_difference_would_be_seen(database_url: str):
    """The check above can fail: an index that the history does not make is told."""
    connected(database_url, lambda connection: connection.exec_driver_sql("DROP INDEX ix_instrument_in_master"))
    assert "ix_instrument_in_master" in repr(drift(database_url))


def test_the_history_can_be_walked_back(database_url: str):
    """A downgrade to the base leaves no table of ours."""
    script = migration_script()
    left: list[str] = []

    def down(connection: Connection) -> None:
        walk(connection, script, "base")
        left.extend(inspect(connection).get_table_names())

    connected(database_url, down)
    assert left == ["alembic_version"]


def test_every_constraint_and_index_has_a_name_of_ours():
    """A nameless constraint could not be dropped by a later migration on SQLite."""
    for table in Row.metadata.tables.values():
        assert all(str(item.name).startswith(("pk_", "uq_", "ck_", "fk_")) for item in table.constraints)
        assert all(str(index.name).startswith("ix_") for index in table.indexes)


def test_the_code_expects_the_newest_step():
    """HEAD stands in the code so that readiness needs no look at files."""
    assert migration_script().get_heads() == [HEAD]


def test_processes_that_start_at_once_migrate_once(empty_database_url: str):
    """One takes the lock and migrates, the others wait and find it done."""
    code = "import sys; from app.store.migrate import upgrade_database; upgrade_database(sys.argv[1])"
    arguments = [sys.executable, "-c", code, empty_database_url]
    started = [subprocess.Popen(arguments, stderr=subprocess.PIPE) for _ in range(3)]  # noqa: S603 -- our own code
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in started]
    assert ended == [(b"", 0)] * 3
    assert drift(empty_database_url) == []


def test_a_step_that_fails_leaves_nothing_behind(tmp_path: Path):
    """DDL is transactional on SQLite too: the tables made before the failure are gone."""
    path = tmp_path / "half.db"
    with sqlite3.connect(path) as blocker:
        blocker.execute("CREATE TABLE instrument (id TEXT)")
    blocker.close()
    with pytest.raises(Exception, match="instrument already exists"):
        upgrade_database(f"sqlite:///{path}")
    with sqlite3.connect(path) as look:
        assert look.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [("instrument",)]
    look.close()
