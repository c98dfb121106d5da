"""What lasts: sessions, the master, index lists, small facts, jobs. Satisfied by `app.store`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from app.domain.constituents import Membership
from app.domain.feeds import KiteGrant
from app.domain.instruments import Instrument
from app.domain.jobs import Job


class SessionStore(Protocol):
    """The Kite session, sealed."""

    async def load(self) -> KiteGrant | None:
        """The session that was saved last and not ended; None if there is none or it cannot be unsealed."""
        ...

    async def save(self, grant: KiteGrant) -> None:
        """Replace the session."""
        ...

    async def end(self, reason: str) -> None:
        """Forget the token, keeping that there was a session and why it ended."""
        ...

    async def use_login_state(self, nonce: str, expires_at: datetime) -> bool:
        """Mark a login's nonce as used. False if it was used before."""
        ...


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync of the instrument master did."""

    synced_at: datetime
    total: int
    added: int
    changed: int
    gone: int
    """Rows that the new master has no more; kept, with their last-seen date."""


class InstrumentStore(Protocol):
    """The instrument master, with first and last seen dates."""

    async def current(self) -> list[Instrument]:
        """The instruments of the last sync."""
        ...

    async def replace_master(self, instruments: Sequence[Instrument], *, seen_on: date) -> SyncReport:
        """Make this the master, in one transaction. Raises nothing half way: all of it or none."""
        ...


class MembershipStore(Protocol):
    """Imported lists of index members."""

    async def save(self, membership: Membership) -> bool:
        """Store a list; whether it replaced one of the same index and date."""
        ...

    async def remove(self, index: str, valid_from: date) -> bool:
        """Forget the list of an index and date; whether there was one."""
        ...

    async def all(self) -> list[Membership]:
        """Every list, the oldest first."""
        ...


class SettingStore(Protocol):
    """Small facts of the service that outlive it, by name."""

    async def get(self, name: str) -> object | None:
        """The JSON value saved under the name; None if there is none."""
        ...

    async def put(self, name: str, value: object) -> None:
        """Save a JSON value."""
        ...


class JobStore(Protocol):
    """Background jobs that outlive the process."""

    async def save(self, job: Job, request: Mapping[str, object]) -> None:
        """Insert or replace a job with what it was asked to do, as JSON."""
        ...

    async def find(self, job_id: str) -> Job | None:
        """The job with this id."""
        ...

    async def newest(self, count: int) -> list[Job]:
        """The newest jobs, newest first."""
        ...

    async def unfinished(self) -> list[tuple[Job, Mapping[str, object]]]:
        """Jobs that were queued or running when the process ended, oldest first, with their requests."""
        ...
