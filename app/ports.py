"""What the services need from the world: Protocols of one or two methods, named by role.

Providers, stores and the sandbox satisfy them; `app.runtime` joins the two sides. Every method that
waits is cancel-safe: cancelling it leaves the object usable and loses nothing that was acknowledged.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol

from app.domain.candle_chunks import CandleChunk
from app.domain.candles import Candle, CandleRange, CandleSeries, Interval
from app.domain.constituents import Membership
from app.domain.errors import MarketDataError
from app.domain.feeds import FeedStatus, KiteGrant, RequestBudget
from app.domain.fundamentals import Fundamentals
from app.domain.instruments import Instrument
from app.domain.jobs import Job
from app.domain.phases import MarketPhase
from app.domain.provenance import Cost, DataSource
from app.domain.quotes import Quote, StreamMode
from app.domain.ticks import Tick


class Clock(Protocol):
    """The only way to the time; tests replace it."""

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps."""
        ...


# ---------------------------------------------------------------- sources


@dataclass(frozen=True, slots=True)
class QuoteBatch:
    """What a source said about many instruments at once. An id in neither mapping has no price there."""

    quotes: Mapping[str, Quote]
    errors: Mapping[str, MarketDataError] = field(default_factory=dict)
    """Ids whose request failed, when only a part of the batch did."""
    upstream_calls: int = 1


class QuoteSource(Protocol):
    """Prices on request."""

    source: DataSource

    async def quotes(self, instruments: Sequence[Instrument]) -> QuoteBatch:
        """Any number of instruments, cut by the source to its own limits.

        Raises SourceError if nothing at all could be had.
        """
        ...


class CandleSource(Protocol):
    """Bars on request."""

    source: DataSource

    def longest_span(self, interval: Interval) -> timedelta | None:
        """The longest span of one request; None if the source has no bars of this interval."""
        ...

    async def candles(self, instrument: Instrument, interval: Interval, span: CandleRange) -> list[Candle]:
        """Bars that open in [start, end), oldest first, in one upstream request.

        Raises InvalidRange beyond `longest_span`, NotSupported for an interval it has not, SourceError.
        """
        ...


class FundamentalsSource(Protocol):
    """What is known of a company beyond its price."""

    source: DataSource

    async def fundamentals(self, instrument: Instrument) -> Fundamentals:
        """One instrument, in one upstream request.

        Raises NotPriced if the source has nothing on it, NotSupported for a kind that it has not, SourceError.
        """
        ...


@dataclass(frozen=True, slots=True)
class InstrumentDump:
    """A whole instrument master."""

    instruments: Sequence[Instrument]
    digest: str
    """Hash of the raw master: two dumps with the same digest are the same."""
    skipped_rows: int = 0
    """Rows that could not be read; they are logged, and never stop the others."""


class InstrumentSource(Protocol):
    """The instrument master."""

    source: DataSource

    async def instruments(self) -> InstrumentDump:
        """Today's master. Raises SourceError; parsing never holds the event loop."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the stream shall carry for one instrument."""

    instrument: Instrument
    mode: StreamMode
    every_tick: bool = False
    """Each packet is decoded and published as a Tick, in order; else only the newest counts."""


class TickSink(Protocol):
    """Where a stream delivers. Synchronous: it never waits and never raises."""

    def publish_quotes(self, quotes: Sequence[Quote]) -> None:
        """Newest states, at most one an instrument, at the ticker's flush rate."""
        ...

    def publish_ticks(self, ticks: Sequence[Tick]) -> None:
        """Every packet of the instruments that asked for every tick, in order of arrival."""
        ...

    def feed_changed(
        self, status: FeedStatus, *, interrupted: bool, instruments: Collection[str] | None = None
    ) -> None:
        """The feed's new state. `interrupted`: packets may have been lost since the last one.

        `instruments`: ids that were interrupted, where the source knows it was not all of them.
        """
        ...


class TickSource(Protocol):
    """A live stream of prices."""

    source: DataSource
    capacity: int
    """How many instruments it can carry at once."""

    @property
    def packets(self) -> int:
        """Packets received since the start; it only grows."""
        ...

    def want(self, wanted: Mapping[str, Wanted]) -> None:
        """The whole desired state by instrument id; replaces the last one and is reconciled in the background."""
        ...

    async def run(self, sink: TickSink) -> None:
        """Keep the stream up until cancelled: dial, watch, back off, dial again."""
        ...


class KiteAuth(Protocol):
    """The broker's side of a login."""

    def login_page(self, state: str) -> str:
        """Address of the broker's login page that will hand `state` back to our callback."""
        ...

    async def exchange(self, request_token: str) -> KiteGrant:
        """Turn the request_token of a finished login into a session. Raises InvalidInput if Kite refuses it."""
        ...

    async def invalidate(self, access_token: str) -> None:
        """End a session at the broker. One that is dead already is no error."""
        ...

    async def verify(self, access_token: str) -> bool:
        """Whether the broker still accepts the token. Raises SourceError if it cannot be asked."""
        ...


class KiteAccess(Protocol):
    """The token that every Kite call uses. Replacing it takes effect for the next call and re-dials the stream."""

    @property
    def token(self) -> str | None:
        """The present token; None while nobody is logged in."""
        ...

    def replace(self, token: str | None) -> None:
        """Use another token from now on; None: refuse calls with LoginRequired."""
        ...

    def on_rejected(self, callback: Callable[[str], None]) -> None:
        """Call back, on the event loop, with each token that Kite refused; once a token."""
        ...


class RequestBudgets(Protocol):
    """The requests that a source allows, by endpoint class."""

    async def acquire(self, endpoint: str, *, within: float | None = None) -> None:
        """Wait for the right to send one request, at most `within` seconds. Raises RateLimited."""
        ...

    def refused(self, endpoint: str) -> None:
        """The source said 429 all the same: hold back this class for a while."""
        ...

    def status(self) -> tuple[RequestBudget, ...]:
        """The state of every class."""
        ...


# ---------------------------------------------------------------- what lasts


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


# ---------------------------------------------------------------- inside


class InstrumentLookup(Protocol):
    """The instrument master in memory."""

    def find(self, instrument_id: str) -> Instrument | None:
        """The instrument with exactly this id."""
        ...


class PhaseSource(Protocol):
    """Phases from the trading calendar."""

    def phase_of(self, instrument: Instrument, at: datetime) -> MarketPhase:
        """The phase that holds for one instrument."""
        ...


class QuoteStream(Protocol):
    """The live stream as the quote service sees it."""

    def latest(self, instrument_id: str, mode: StreamMode = StreamMode.FULL) -> Quote | None:
        """The streamed state, only while the feed is LIVE and carries the instrument in at least this mode."""
        ...

    def latest_of(self, instrument_ids: Collection[str], mode: StreamMode = StreamMode.FULL) -> list[Quote | None]:
        """What `latest` says of each, in order."""
        ...

    def keep_hot(self, instruments: Sequence[Instrument]) -> None:
        """Stream these for a while, because someone asked for them; more than fit are left out."""
        ...


class Changes(Protocol):
    """Something whose changes can be awaited without polling."""

    def changes(self) -> AsyncIterator[None]:
        """One item at once, then one after each change; changes that nobody awaited are merged."""
        ...


# ---------------------------------------------------------------- history


@dataclass(frozen=True, slots=True)
class Coverage:
    """A span of one series that is known whole: every bar that the source has of it is stored."""

    span: CandleRange
    source: DataSource
    fetched_at: datetime


class CandleStore(Protocol):
    """Final bars that last, and which spans of them are known. Series are named by our instrument id and interval.

    The broker's token is never part of a key: exchanges reuse tokens.
    """

    async def bars(self, instrument_id: str, interval: Interval, span: CandleRange) -> Sequence[Candle]:
        """The stored bars that open in [start, end), oldest first."""
        ...

    async def last_bars(
        self, instrument_id: str, interval: Interval, *, before: datetime, count: int
    ) -> Sequence[Candle]:
        """The newest `count` stored bars that open before an instant, oldest first."""
        ...

    async def chunk(self, instrument_id: str, interval: Interval, span: CandleRange) -> CandleChunk:
        """The bars that `bars` gives, as columns: no object is made for each of them."""
        ...

    async def opening(self, instrument_id: str, interval: Interval, *, before: datetime, count: int) -> datetime | None:
        """When the first of the bars opens that `last_bars` gives; None if there are fewer than `count`."""
        ...

    async def writes(self, instrument_id: str, interval: Interval) -> int:
        """How often the series was written, by any process: each `save`, `replace` and `drop` counts one.

        As long as it stays the same, so does everything else. A series that was never written may count nothing.
        """
        ...

    async def coverage(self, instrument_id: str, interval: Interval, within: CandleRange) -> list[Coverage]:
        """Known spans that touch `within`, oldest first, never overlapping."""
        ...

    async def save(self, instrument_id: str, interval: Interval, bars: Sequence[Candle], known: Coverage) -> None:
        """Store bars and mark the span as known, in one transaction. Bars that are there are replaced."""
        ...

    async def replace(self, instrument_id: str, interval: Interval, bars: Sequence[Candle]) -> None:
        """Store corrected bars without a word on coverage."""
        ...

    async def drop(self, instrument_id: str, interval: Interval) -> int:
        """Forget bars and coverage of one series; how many bars there were."""
        ...


class CandleHistory(Protocol):
    """Bars on request, from the store and the source, as `app.services.history` has them."""

    async def candles(  # noqa: PLR0913 - the arguments of the GraphQL field, by keyword
        self,
        instrument: Instrument,
        interval: Interval,
        *,
        start: datetime | None,
        end: datetime | None,
        last: int | None,
        include_forming: bool,
        cost: Cost,
    ) -> CandleSeries:
        """Bars that open in [start, end), or the `last` ones that open before `end`. Raises MarketDataError."""
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
