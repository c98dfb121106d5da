"""Alembic's entry from the command line (revision --autogenerate, check); the service migrates without it."""

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection
from sqlmodel import AutoString

from app.settings import Settings
from app.store.address import default_database_url
from app.store.columns import UtcDateTime
from app.store.migrate import configuration, connected
from app.store.tables import Row


def plain_type(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """New steps name SQLAlchemy's own types only, so that they still run when ours have changed."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()"
    return False


def run(connection: Connection) -> None:
    """Run the command that was given, over a connection that excludes every other migration."""
    context.configure(connection=connection, render_item=plain_type, **configuration())
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=Row.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    settings = Settings()
    connected(default_database_url(settings.database_url, settings.data_dir), run)
