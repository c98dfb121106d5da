"""The tables. Rows never leave app.store: repositories hand out domain objects."""

from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, Double, LargeBinary, MetaData, SmallInteger, UniqueConstraint, text
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


class CandleSeriesRow(Row, table=True):
    """The bars of one instrument and interval: a small number that stands for both in every row. Never deleted."""

    __tablename__ = "candle_series"
    __table_args__ = (UniqueConstraint("instrument_id", "interval"),)

    id: int | None = Field(default=None, primary_key=True)
    instrument_id: str
    """Ours (NSE:INFY), never the broker's token; not a foreign key, for a series may outlive its instrument."""
    interval: str
    written_us: int = Field(sa_type=BigInteger)
    """The last write, in microseconds since 1970. Writers lock this row, so that a series has one at a time."""
    writes: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})
    """How many writes there were: who remembers the series sees by it that another process wrote."""


class CandleRow(Row, table=True):
    """One bar that is over. On SQLite the rows lie in the order of the key, so a range is read in one go.

    No foreign key: PostgreSQL would check each row of a bulk write, and series are never deleted.
    """

    __tablename__ = "candle"
    __table_args__: ClassVar[dict[str, Any]] = {"sqlite_with_rowid": False}

    series_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    opens_at: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    """Seconds since 1970."""
    open: float = Field(sa_type=Double)
    high: float = Field(sa_type=Double)
    low: float = Field(sa_type=Double)
    close: float = Field(sa_type=Double)
    volume: int = Field(sa_type=BigInteger)
    open_interest: int | None = Field(default=None, sa_type=BigInteger)
    state: int = Field(sa_type=SmallInteger)
    """A number of `candle_rows.STATES`."""


class CandleCoverageRow(Row, table=True):
    """A span of a series of which every bar is stored. The spans of a series never overlap."""

    __tablename__ = "candle_coverage"

    series_id: int = Field(primary_key=True, foreign_key="candle_series.id", sa_column_kwargs={"autoincrement": False})
    starts_us: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    """Inclusive, in microseconds since 1970, as the others: a span comes back exactly as it was saved."""
    ends_us: int = Field(sa_type=BigInteger)
    """Exclusive."""
    source: str
    fetched_us: int = Field(sa_type=BigInteger)
    """No part of the span was fetched before this."""


class JobRow(Row, table=True):
    """A background job, its progress and what it was asked to do."""

    __tablename__ = "job"

    id: str = Field(primary_key=True)
    kind: str
    state: str
    done: int
    total: int | None = None
    unit: str
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    message: str | None = None
    request: Any = Field(sa_column=Column(JSON_VALUE, nullable=False))
    updated_at: datetime = Field(sa_type=UtcDateTime)


class IndexMembershipRow(Row, table=True):
    """The members of an index from a date on, as they were imported. Lists that a newer one follows stay."""

    __tablename__ = "index_membership"

    index_id: str = Field(primary_key=True)
    """Ours, as NSE:NIFTY 50; not a foreign key, for a list may come before the instrument master."""
    valid_from: date = Field(primary_key=True)
    members: Any = Field(sa_column=Column(JSON_VALUE, nullable=False))
    """Ids of instruments in the order of the list."""
    source: str
    imported_at: datetime = Field(sa_type=UtcDateTime)
