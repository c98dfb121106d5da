"""ProviderStatus, KiteSession, ServerInfo: what the service says of itself and its sources."""

from dataclasses import dataclass
from datetime import datetime

import strawberry

from app.domain.feeds import BreakerState, FeedState
from app.domain.provenance import DataSource

field = strawberry.field


@strawberry.type(name="RequestBudget", description="The requests that a source allows for one class of endpoints.")
class RequestBudgetType:
    """GraphQL's view of a domain RequestBudget."""

    endpoint: str = field(description="The class: quote, historical or other.")
    per_second: float = field(description="Requests that the source allows a second.")
    available_now: float = field(description="Requests that could go out now without waiting.")
    waiting: int = field(description="Calls that wait for their turn.")


@strawberry.type(
    name="BreakerStatus",
    description="The circuit to one capability of a source: while it is open, calls are answered without the source.",
)
class BreakerStatusType:
    """GraphQL's view of a domain BreakerStatus."""

    capability: str = field(description="quotes, candles or fundamentals.")
    state: BreakerState = field(description="Whether calls go out.")
    since: datetime = field(description="Since when it is in this state.")
    failures: int = field(description="Failed calls in a row.")
    retry_in_ms: int = field(description="Milliseconds until one call is let through to see; 0 unless OPEN.")
    problem: str | None = field(description="The last failure, as `CODE: message`; null after a success.")


@strawberry.type(name="ProviderStatus", description="The state of one source: its stream, its session, its budgets.")
class ProviderStatusType:
    """GraphQL's view of a domain ProviderStatus."""

    name: DataSource = field(description="KITE or YAHOO, also where it is simulated.")
    source: DataSource = field(description="The label of its data: SANDBOX where it is simulated.")
    state: FeedState = field(description="State of its stream.")
    since: datetime = field(description="Since when it is in this state.")
    message: str | None = field(description="A word to a person, if there is something to say.")
    login_url: str | None = field(description="Where a person must log in, when state is LOGIN_REQUIRED.")
    session_expires_at: datetime | None = field(description="When the source's session ends at the latest.")
    subscribed_instruments: int = field(description="Instruments that the stream carries now.")
    instrument_capacity: int = field(description="Instruments that the stream can carry.")
    ticks_per_second: float = field(description="Ticks received a second, mean of the last 5 seconds.")
    last_tick_at: datetime | None = field(description="When the last tick was received; null before the first.")
    request_budgets: list[RequestBudgetType] = field(description="Its request budgets, by class of endpoints.")
    breakers: list[BreakerStatusType] = field(description="The circuits to its capabilities.")


@strawberry.type(name="KiteSession", description="The Kite login; the token is never part of an answer.")
class KiteSessionType:
    """GraphQL's view of a domain KiteSession."""

    authenticated: bool = field(description="Whether Kite accepts our token, as far as is known.")
    user_id: str | None = field(description="Kite's id of the person who logged in.")
    user_name: str | None = field(description="Their name.")
    login_time: datetime | None = field(description="When they logged in.")
    expires_at: datetime | None = field(description="When Kite ends the session at the latest: 06:00 IST.")
    login_url: str | None = field(description="Open this in a browser to log in.")


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What the server says of itself."""

    version: str
    environment: str
    sources: tuple[DataSource, ...]
    started_at: datetime


@strawberry.type(name="ServerInfo", description="The service itself.")
class ServerInfoType:
    """GraphQL's view of a ServerInfo."""

    version: str = field(description="Version of Kite Services.")
    environment: str = field(description="Name of the deployment (ENVIRONMENT).")
    sources: list[DataSource] = field(description="The sources it is configured for, first choice first.")
    started_at: datetime = field(description="When this process began to serve.")
