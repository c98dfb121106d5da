"""When a master is due, whether it can be believed, what is remembered of the last. Pure; for the service."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypedDict

from app.domain.errors import MalformedPayload
from app.domain.provenance import DataSource
from app.domain.time import ist_date, ist_datetime
from app.ports import InstrumentDump

DUE_HOUR, DUE_MINUTE = 8, 35
"""Kite makes its master once in the morning, about 08:30 IST; trading starts at 09:00."""
GRACE = timedelta(minutes=10)
"""How late a morning's sync may be before anyone is told: it takes seconds, and a retry or two a minute."""
LEAST_SHARE = 0.5
"""A master of less than this share of the last one is a broken download: expiries take 10 % of it at most."""


class RecordFields(TypedDict):
    """A MasterRecord as JSON."""

    source: str
    synced_at: str
    digest: str


@dataclass(frozen=True, slots=True)
class MasterRecord:
    """What is remembered of the last sync, across restarts."""

    source: DataSource
    synced_at: datetime
    digest: str

    @property
    def synced_on(self) -> date:
        """The sync's date in India."""
        return ist_date(self.synced_at)

    def to_json(self) -> RecordFields:
        """For the setting store."""
        return {"source": self.source.value, "synced_at": self.synced_at.isoformat(), "digest": self.digest}

    @classmethod
    def from_json(cls, value: object) -> "MasterRecord | None":
        """The record that was saved; None for anything else."""
        try:
            found = dict(value)  # type: ignore[call-overload]
            synced_at = datetime.fromisoformat(found["synced_at"])
            record = cls(DataSource(found["source"]), synced_at, str(found["digest"]))
        except (TypeError, ValueError, KeyError):
            return None
        return record if synced_at.tzinfo is not None else None


@dataclass(frozen=True, slots=True)
class MasterStatus:
    """The state of the instrument master, for readiness, metrics and logs."""

    source: DataSource
    total: int
    """Instruments that can be asked for; 0 before the first sync."""
    synced_at: datetime | None
    """When the master in use came; None before the first sync."""
    last_attempt_at: datetime | None
    """When a sync was last begun by this process."""
    last_error: str | None
    """Why the last sync failed; None if it did not."""
    stale: bool
    """There is no master, or this morning's has not come yet though it should have."""


def last_due(now: datetime) -> datetime:
    """The instant at which the master in use should have come at the earliest."""
    today = ist_datetime(ist_date(now), DUE_HOUR, DUE_MINUTE)
    return today if today <= now else today - timedelta(days=1)


def next_due(now: datetime) -> datetime:
    """The instant of the next morning's sync, after `now`."""
    return last_due(now) + timedelta(days=1)


def require_believable(dump: InstrumentDump, source: DataSource, previous: int) -> None:
    """Raises MalformedPayload for a master that would empty ours; `previous` is the size of the one in use."""
    total = len(dump.instruments)
    if not total:
        msg = f"{source} sent an empty instrument master"
    elif total < LEAST_SHARE * previous:
        msg = f"{source} sent an instrument master of {total} rows, less than half of the {previous} in use"
    else:
        return
    raise MalformedPayload(f"{msg}: it was refused and the last one stays in use")
