"""What a source says of itself: its feed, its budgets, its session."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.provenance import DataSource


class FeedState(StrEnum):
    """The state of a source's stream."""

    CONNECTING = "CONNECTING"
    """Dialling, or dialling again after a loss."""
    LIVE = "LIVE"
    """Frames arrive (heartbeats count: out of session, silence of prices is normal)."""
    STALLED = "STALLED"
    """The socket was open and said nothing for too long; it is being replaced."""
    LOGIN_REQUIRED = "LOGIN_REQUIRED"
    """The source refuses the token, or there is none. Parked until someone logs in."""
    RATE_LIMITED = "RATE_LIMITED"
    """The source refuses another socket: most likely another process holds them."""
    DOWN = "DOWN"
    """The source cannot be reached."""
    DISABLED = "DISABLED"
    """Not configured."""


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """State of a stream since an instant, with a word to a person."""

    state: FeedState
    since: datetime
    message: str | None = None


@dataclass(frozen=True, slots=True)
class RequestBudget:
    """One endpoint class's budget at this moment."""

    endpoint: str
    """quote, historical or other."""
    per_second: float
    """Requests that the source allows a second."""
    available_now: float
    """Requests that could go out now without waiting."""
    waiting: int
    """Calls that wait for budget."""


class BreakerState(StrEnum):
    """The state of the circuit to one capability of a source."""

    CLOSED = "CLOSED"
    """Calls go out."""
    OPEN = "OPEN"
    """The source failed repeatedly; calls are answered without it for a while."""
    HALF_OPEN = "HALF_OPEN"
    """One call is out to see whether it is back."""


@dataclass(frozen=True, slots=True)
class BreakerStatus:
    """The circuit to one capability of a source at this moment."""

    capability: str
    """quotes, candles or fundamentals."""
    state: BreakerState
    since: datetime
    failures: int
    """Failed calls in a row."""
    retry_in_ms: int
    """Milliseconds until one call is let through to see; 0 unless OPEN."""
    problem: str | None
    """The last failure as `CODE: message`; None after a success."""


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """Everything that a page or an operator wants to know of one source."""

    name: DataSource
    """KITE or YAHOO, also where it is simulated."""
    source: DataSource
    """The label of its data."""
    state: FeedState
    since: datetime
    message: str | None
    login_url: str | None
    """Where a person must log in, when state is LOGIN_REQUIRED."""
    session_expires_at: datetime | None
    subscribed_instruments: int
    instrument_capacity: int
    ticks_per_second: float
    """Ticks received, mean of the last 5 seconds."""
    last_tick_at: datetime | None
    request_budgets: tuple[RequestBudget, ...]
    breakers: tuple[BreakerStatus, ...] = ()
    """The circuits to its capabilities."""


@dataclass(frozen=True, slots=True)
class KiteSession:
    """What may be known of the Kite session; the token is not part of it."""

    authenticated: bool
    user_id: str | None = None
    user_name: str | None = None
    login_time: datetime | None = None
    expires_at: datetime | None = None
    """When Kite will end it at the latest: the next 06:00 IST. It may die earlier."""
    login_url: str | None = None
    """Where a person can log in."""


@dataclass(frozen=True, slots=True)
class KiteGrant:
    """A finished login, token included: goes from the provider to the session service and the store alone."""

    user_id: str
    user_name: str | None
    access_token: str
    login_time: datetime
    expires_at: datetime

    def __repr__(self) -> str:
        """Never shows the token."""
        return f"KiteGrant(user_id={self.user_id!r}, login_time={self.login_time.isoformat()})"
