"""Real databases for tests: the same test on SQLite and on a PostgreSQL that pip installed.

A test that takes `database_url` runs once on each, with a database of its own at the newest schema;
`empty_database_url` gives one without tables. Make them known where they are needed, in a conftest.py:
`from tests.support.databases import *` or `pytest_plugins = ["tests.support.databases"]` in the root one.
"""

import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from app.store.migrate import upgrade_database

__all__ = ["database_url", "empty_database_url", "postgresql", "sqlite_template"]

DATABASES = ("sqlite", "postgresql")


class PostgresqlForTests:
    """A server on a Unix socket in a folder of its own; databases are numbered and copied from a template."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._numbers = count()
        # A test's data need not survive a power cut: without these, half of a run is waiting for the disk.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            server.psql(f"ALTER SYSTEM SET {setting} = off")
        server.psql("SELECT pg_reload_conf()")
        self._template = self.create("template1")
        upgrade_database(self._template)

    def empty(self) -> str:
        """URL of a new database without tables."""
        return self.create("template1")

    def migrated(self) -> str:
        """URL of a new database at the newest schema."""
        return self.create(self._template.partition("?")[0].rpartition("/")[2])

    def create(self, template: str) -> str:
        """URL of a new database, a copy of `template`."""
        name = f"test_{next(self._numbers)}"
        self._server.psql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        uri: str = self._server.get_uri(database=name)
        # The server trusts everyone on its socket; with a password asyncpg does not look for ~/.pgpass on the loop.
        return uri.replace("postgres:@", "postgres:unused@")

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected."""
        self._server.psql(f"DROP DATABASE {url.partition('?')[0].rpartition('/')[2]} WITH (FORCE)")


@contextmanager
def run_postgresql() -> Iterator[PostgresqlForTests]:
    """A PostgreSQL that lives as long as the block, in a temporary folder that goes with it."""
    with warnings.catch_warnings(action="ignore"):  # platformdirs warns where there is no XDG_RUNTIME_DIR
        from pgserver.postgres_server import get_server  # noqa: PLC0415 -- it looks for folders: only where needed
    # A short path: a Unix socket's has at most 107 characters, and pytest's own folders can be longer.
    server = get_server(tempfile.mkdtemp(prefix="kite-pg-"), cleanup_mode="delete")
    try:
        yield PostgresqlForTests(server)
    finally:
        server.cleanup()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlForTests]:
    """One server for the whole run, started by the first test that needs it."""
    with run_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A SQLite file at the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("template") / "migrated.db"
    upgrade_database(f"sqlite:///{path}")
    return path.read_bytes()


@pytest.fixture(params=DATABASES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables; the test runs once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: PostgresqlForTests = request.getfixturevalue("postgresql")
    yield from _lent(server, server.empty)


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database at the newest schema; the test runs once on each kind."""
    if request.param == "sqlite":
        path = tmp_path / "service.db"
        path.touch(mode=0o600)
        path.write_bytes(request.getfixturevalue("sqlite_template"))
        yield f"sqlite:///{path}"
        return
    server: PostgresqlForTests = request.getfixturevalue("postgresql")
    yield from _lent(server, server.migrated)


def _lent(server: PostgresqlForTests, create: Callable[[], str]) -> Iterator[str]:
    url = create()
    yield url
    server.drop(url)
