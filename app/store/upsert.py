"""INSERT ... ON CONFLICT, which SQLAlchemy has once for each dialect. For the repositories."""

from collections.abc import Mapping

from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.dml import Insert

from app.store.address import Dialect
from app.store.tables import Row


def insert_or_ignore(dialect: Dialect, table: type[Row], values: Mapping[str, object]) -> Insert:
    """Insert one row; nothing, with a rowcount of 0, if its key is there already."""
    if dialect is Dialect.SQLITE:
        return sqlite_insert(table).values(**values).on_conflict_do_nothing()
    return postgresql_insert(table).values(**values).on_conflict_do_nothing()


def insert_or_replace(dialect: Dialect, table: type[Row], key: str, values: Mapping[str, object]) -> Insert:
    """Insert one row, or give the row with the same key these values."""
    rest = {name: value for name, value in values.items() if name != key}
    if dialect is Dialect.SQLITE:
        return sqlite_insert(table).values(**values).on_conflict_do_update(index_elements=[key], set_=rest)
    return postgresql_insert(table).values(**values).on_conflict_do_update(index_elements=[key], set_=rest)
