"""Holds the tables against the migrations: a fresh SQLite, all migrations, and nothing left to migrate."""

import sys
import tempfile
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from app.store.migrate import configuration, upgrade_database
from app.store.tables import Row


def main() -> int:
    """0 if the migrations make exactly the tables; else what differs and 1."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'check.db'}"
        upgrade_database(url)
        options = {key: value for key, value in configuration().items() if key.startswith("compare")}
        with create_engine(url).connect() as connection:
            left = compare_metadata(MigrationContext.configure(connection, opts=options), Row.metadata)
    for difference in left:
        print("not migrated:", difference)
    print("migrations: write the missing one" if left else "migrations: make exactly the tables")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
