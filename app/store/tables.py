"""The tables. Rows never leave app.store: repositories hand out domain objects."""

from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData
from sqlmodel import Field, SQLModel

from app.store.columns import JSON_VALUE, UtcDateTime

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""Every constraint has a name of ours, so that a migration can find it on both databases."""


class Row(SQLModel):
    """Base of all tables, with metadata of its own."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING)


class KiteSessionRow(Row, table=True):
    """One finished Kite login. At most one has no `ended_at`: the session that holds."""

    __tablename__ = "kite_session"

    id: int | None = Field(default=None, primary_key=True)
    user_id: str
    user_name: str | None = None
    sealed_token: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    """Fernet token; None once the session has ended."""
    login_time: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_reason: str | None = None


class UsedLoginStateRow(Row, table=True):
    """A login's nonce that has been used; kept until it would be refused for its age anyway."""

    __tablename__ = "used_login_state"

    nonce: str = Field(primary_key=True)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)


class ServiceSettingRow(Row, table=True):
    """A small fact of the service that outlives it."""

    __tablename__ = "service_setting"

    name: str = Field(primary_key=True)
    value: Any = Field(sa_column=Column(JSON_VALUE, nullable=False))
    updated_at: datetime = Field(sa_type=UtcDateTime)


class InstrumentRow(Row, table=True):
    """One instrument that a master ever held. Tokens are reused after expiry, so they are never unique."""

    __tablename__ = "instrument"

    id: str = Field(primary_key=True)
    exchange: str
    symbol: str
    name: str | None = None
    kind: str
    segment: str | None = None
    instrument_token: int | None = Field(default=None, sa_type=BigInteger, index=True)
    exchange_token: int | None = Field(default=None, sa_type=BigInteger)
    tick_size: float | None = None
    lot_size: int | None = None
    expiry: date | None = None
    strike: float | None = None
    underlying_id: str | None = None
    currency: str
    first_seen: date
    """Date of the first master that held it."""
    last_seen: date
    """Date of the last master that held it."""
    in_master: bool = Field(index=True)
    """Whether the master of the last sync holds it. Two syncs of one day make last_seen alone too coarse."""
