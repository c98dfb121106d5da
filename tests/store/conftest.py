"""Databases for these tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import (
    PostgresqlForTests,
    database_url,
    empty_database_url,
    postgresql,
    sqlite_template,
)

__all__ = ["contract_url", "database_url", "empty_database_url", "postgresql", "sqlite_template"]


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def contract_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str | None]:
    """A database at the newest schema, as `database_url`, and once None: the store in memory has the same contract."""
    if request.param == "postgresql":
        server: PostgresqlForTests = request.getfixturevalue("postgresql")
        url = server.migrated()
        yield url
        server.drop(url)
    elif request.param == "sqlite":
        path = tmp_path / "contract.db"
        path.write_bytes(request.getfixturevalue("sqlite_template"))
        yield f"sqlite:///{path}"
    else:
        yield None
