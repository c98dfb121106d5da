"""Where the database is: a DATABASE_URL comes in, what drivers need goes out. Used in app.store."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

DATABASE_FILE = "kite-services.db"
"""Name of the default database in the data directory."""


class Dialect(StrEnum):
    """The two databases that the service runs on."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


DIALECTS = {"sqlite": Dialect.SQLITE, "postgresql": Dialect.POSTGRESQL, "postgres": Dialect.POSTGRESQL}
"""The part of a URL before `://` (and before `+driver`, which is ours to choose)."""


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """A parsed DATABASE_URL. Its `str` never shows the password."""

    dialect: Dialect
    shown: str
    """The URL with the password starred out, for logs and messages."""
    path: Path | None = None
    """The file of a SQLite database."""
    dsn: str = field(default="", repr=False)
    """What asyncpg dials, every libpq parameter included (sslmode, host=/socket/folder ...); holds the password."""

    def __str__(self) -> str:
        return self.shown


def parse_database_url(url: str) -> DatabaseAddress:
    """The address that a URL names. Raises ValueError that says what to write, without the password."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError(_remedy("it cannot be read as a URL")) from None
    dialect = DIALECTS.get(parsed.drivername.partition("+")[0])
    shown = parsed.render_as_string(hide_password=True)
    if dialect is None:
        raise ValueError(_remedy(f"{parsed.drivername!r} is not supported"))
    if dialect is Dialect.SQLITE:
        return DatabaseAddress(dialect, shown, path=_sqlite_path(parsed))
    dsn = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    return DatabaseAddress(dialect, shown, dsn=dsn)


def default_database_url(url: str, data_dir: Path) -> str:
    """DATABASE_URL, or the SQLite file in the data directory where it is empty."""
    return url or f"sqlite:///{data_dir.absolute() / DATABASE_FILE}"


def _sqlite_path(parsed: URL) -> Path:
    if not parsed.database or parsed.database == ":memory:":
        raise ValueError(_remedy("a SQLite database in memory would lose the session and the settings"))
    return Path(parsed.database)


def _remedy(problem: str) -> str:
    return f"DATABASE_URL: {problem}; write postgresql://user:password@host/name or sqlite:////folder/file.db"
