"""The migrations make exactly the tables that the code has: what `alembic check` checks, on a database of its own."""

import sys
import tempfile
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from app.store.migrate import HEAD, configuration, connected, migration_script, upgrade_database
from app.store.tables import Row


def main() -> int:
    """0 if nothing is missing and there is one newest migration, the one that the code expects."""
    faults: list[str] = []
    heads = migration_script().get_heads()
    if heads != [HEAD]:
        faults.append(f"the newest migrations are {', '.join(heads) or 'none'}; the code expects {HEAD}")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'check.db'}"
        upgrade_database(url)
        connected(url, lambda connection: faults.extend(_differences(connection)))
    for fault in faults:
        sys.stdout.write(f"{fault}\n")
    return 1 if faults else 0


def _differences(connection: Connection) -> list[str]:
    options = {key: value for key, value in configuration().items() if key.startswith("compare_")}
    context = MigrationContext.configure(connection, opts=options)
    return [f"not in a migration: {difference}" for difference in compare_metadata(context, Row.metadata)]


if __name__ == "__main__":
    sys.exit(main())
