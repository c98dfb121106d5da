"""Fakes of the ports, by their nature. Each counts what it was asked."""

# ruff: noqa: D102 - what a fake's method means stands in its port

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import anyio.lowlevel

from app.domain.candles import Candle, CandleRange, Interval
from app.domain.changes import ChangeSignal
from app.domain.errors import MarketDataError
from app.domain.feeds import FeedState, FeedStatus, KiteGrant, RequestBudget
from app.domain.instruments import Instrument, InstrumentKind, parse_instrument_id
from app.domain.phases import MarketPhase, Phase
from app.domain.provenance import DataSource
from app.domain.quotes import Quote, StreamMode
from app.domain.time import IST, to_ist
from app.ports import QuoteBatch

MONDAY_NOON = datetime(2026, 11, 23, 12, 0, tzinfo=IST).astimezone(UTC)
DAY = timedelta(days=1)
FIRST_TOKEN = "secret-token-0"


def an_instrument(instrument_id: str = "NSE:INFY", *, expiry: date | None = None) -> Instrument:
    """An equity, or a future if it expires."""
    exchange, symbol = parse_instrument_id(instrument_id)
    return Instrument(
        id=instrument_id,
        exchange=exchange,
        symbol=symbol,
        name=None,
        kind=InstrumentKind.EQUITY if expiry is None else InstrumentKind.FUTURE,
        segment=None,
        instrument_token=sum(symbol.encode()),
        exchange_token=None,
        tick_size=0.05,
        lot_size=1,
        expiry=expiry,
        strike=None,
        underlying_id=None,
        currency="INR",
    )


def some_instruments(count: int, prefix: str = "S") -> list[Instrument]:
    """That many different equities."""
    return [an_instrument(f"NSE:{prefix}{number}") for number in range(count)]


class SetClock:
    """Shows what it was set to."""

    def __init__(self, now: datetime = MONDAY_NOON) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.time += timedelta(seconds=seconds)


class CountingQuotes:
    """A QuoteSource whose every call is kept; prices are counted up, so that each call's can be told apart."""

    source = DataSource.SANDBOX

    def __init__(self, clock: SetClock, latency: float = 0.0) -> None:
        self.clock = clock
        self.latency = latency
        self.calls: list[list[str]] = []
        self.finished = 0
        self.absent: set[str] = set()
        self.in_session: bool | None = None
        self.errors: dict[str, MarketDataError] = {}
        self.failure: Exception | None = None
        self.upstream_calls = 1
        self.held: dict[str, anyio.Event] = {}
        """A call with this instrument hangs until the event is set."""

    async def quotes(self, instruments: Sequence[Instrument]) -> QuoteBatch:
        ids = [instrument.id for instrument in instruments]
        self.calls.append(ids)
        number = len(self.calls)
        await anyio.sleep(self.latency)
        for key in self.held.keys() & ids:
            await self.held[key].wait()
        self.finished += 1
        if self.failure is not None:
            raise self.failure
        priced = [key for key in ids if key not in self.absent and key not in self.errors]
        return QuoteBatch(
            {
                key: Quote(key, float(number), self.source, self.clock.now(), in_session=self.in_session)
                for key in priced
            },
            {key: self.errors[key] for key in ids if key in self.errors},
            self.upstream_calls,
        )


class StillStream:
    """A QuoteStream that carries what it was given."""

    def __init__(self) -> None:
        self.states: dict[str, Quote] = {}
        self.hot: list[list[str]] = []

    def latest(self, instrument_id: str, mode: StreamMode = StreamMode.FULL) -> Quote | None:
        return self.states.get(instrument_id)

    def latest_of(self, instrument_ids: Collection[str], mode: StreamMode = StreamMode.FULL) -> list[Quote | None]:
        return [self.latest(key, mode) for key in instrument_ids]

    def keep_hot(self, instruments: Sequence[Instrument]) -> None:
        self.hot.append([instrument.id for instrument in instruments])


@dataclass
class SteadyCandles:
    """A CandleSource with a bar wherever one can be: intraday around the clock, DAY each day. Price = hours since 1970.

    Keeps the spans it was asked for.
    """

    spans: dict[Interval, timedelta] = field(
        default_factory=lambda: {
            Interval.MINUTE: 60 * DAY,
            Interval.MINUTE_5: 100 * DAY,
            Interval.MINUTE_30: 200 * DAY,
            Interval.HOUR: 400 * DAY,
            Interval.DAY: 2000 * DAY,
        }
    )
    asked: list[CandleRange] = field(default_factory=list)
    listed: datetime = datetime(1990, 1, 1, tzinfo=IST)
    fail_before: datetime | None = None
    failure: MarketDataError | None = None
    latency: float = 0.0
    running: int = 0
    most_running: int = 0
    source: DataSource = DataSource.SANDBOX

    def longest_span(self, interval: Interval) -> timedelta | None:
        return self.spans.get(interval)

    async def candles(self, instrument: Instrument, interval: Interval, span: CandleRange) -> list[Candle]:
        self.asked.append(span)
        assert span.start < span.end
        assert span.length <= self.spans[interval]
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        await anyio.sleep(self.latency)
        self.running -= 1
        if self.failure is not None and (self.fail_before is None or span.start < self.fail_before):
            raise self.failure
        return steady_bars(interval, CandleRange(max(span.start, self.listed), span.end))


def steady_bars(interval: Interval, span: CandleRange) -> list[Candle]:
    """A bar at each step from midnight IST that opens in the span."""
    step = timedelta(minutes=interval.minutes or 24 * 60)
    midnight = to_ist(span.start).replace(hour=0, minute=0, second=0, microsecond=0)
    first = midnight + max(0, -((midnight - span.start) // step)) * step
    count = max(0, -((first - span.end) // step))
    return [_bar((first + number * step).astimezone(UTC)) for number in range(count)]


def _bar(time: datetime) -> Candle:
    price = time.timestamp() / 3600
    return Candle(time, open=price, high=price + 2, low=price - 2, close=price + 1, volume=10, open_interest=5)


class SetPhases:
    """A PhaseSource that trades around the clock, or from 09:15 to 15:30 IST on weekdays."""

    def __init__(self, *, always_open: bool = True) -> None:
        self.always_open = always_open

    def phase_of(self, instrument: Instrument, at: datetime) -> MarketPhase:
        if self.always_open:
            return MarketPhase(instrument.exchange, Phase.OPEN, None, None, None, None, "always open")
        local = to_ist(at)
        opening = local.replace(hour=9, minute=15, second=0, microsecond=0)
        closing = local.replace(hour=15, minute=30, second=0, microsecond=0)
        if local.weekday() < 5 and opening <= local < closing:
            return MarketPhase(instrument.exchange, Phase.OPEN, opening, Phase.CLOSED, closing, None, "weekdays")
        while opening <= local or opening.weekday() >= 5:
            opening += DAY
        return MarketPhase(instrument.exchange, Phase.CLOSED, None, Phase.OPEN, opening, None, "weekdays")

    def spans_of(
        self, instrument: Instrument, within: CandleRange, phases: frozenset[Phase]
    ) -> tuple[CandleRange, ...]:
        found: list[CandleRange] = []
        at = within.start
        while at < within.end:
            phase = self.phase_of(instrument, at)
            end = min(phase.next_transition or within.end, within.end)
            if phase.phase in phases:
                found.append(CandleRange(at, end))
            at = end
        return tuple(found)


class SimpleAccess:
    """A KiteAccess that keeps every token it was given."""

    def __init__(self) -> None:
        self.tokens: list[str | None] = []
        self._callbacks: list[Callable[[str], None]] = []

    @property
    def token(self) -> str | None:
        return self.tokens[-1] if self.tokens else None

    def replace(self, token: str | None) -> None:
        self.tokens.append(token)

    def on_rejected(self, callback: Callable[[str], None]) -> None:
        self._callbacks.append(callback)

    def reject(self, token: str) -> None:
        """Kite refuses this token."""
        for callback in self._callbacks:
            callback(token)


class ScriptedAuth:
    """A KiteAuth that gives numbered tokens."""

    def __init__(self, clock: SetClock) -> None:
        self.clock = clock
        self.states: list[str] = []
        self.exchanged: list[str] = []
        self.invalidated: list[str] = []
        self.failure: MarketDataError | None = None
        self.alive = True
        self.verify_failure: MarketDataError | None = None
        self.latency = 0.0
        self.running = 0

    def login_page(self, state: str) -> str:
        self.states.append(state)
        return f"https://broker.example/login?state={state}"

    async def exchange(self, request_token: str) -> KiteGrant:
        self.running += 1
        assert self.running == 1, "two logins at a time"
        await anyio.sleep(self.latency)
        self.running -= 1
        if self.failure is not None:
            raise self.failure
        self.exchanged.append(request_token)
        return a_grant(self.clock, f"secret-token-{len(self.exchanged)}")

    async def invalidate(self, access_token: str) -> None:
        self.invalidated.append(access_token)
        if self.failure is not None:
            raise self.failure

    async def verify(self, access_token: str) -> bool:
        if self.verify_failure is not None:
            raise self.verify_failure
        return self.alive


def a_grant(clock: SetClock, token: str = FIRST_TOKEN, *, hours: float = 18) -> KiteGrant:
    """A session that began now."""
    return KiteGrant("AB1234", "Asha <Rao>", token, clock.now(), clock.now() + timedelta(hours=hours))


class MemorySessions:
    """A SessionStore in memory."""

    def __init__(self, grant: KiteGrant | None = None) -> None:
        self.grant = grant
        self.ended: list[str] = []
        self.nonces: set[str] = set()
        self.failures = 0
        """How many of the next writes fail."""

    async def load(self) -> KiteGrant | None:
        return self.grant

    async def save(self, grant: KiteGrant) -> None:
        await self._write()
        self.grant = grant

    async def _write(self) -> None:
        await anyio.lowlevel.checkpoint()
        if self.failures:
            self.failures -= 1
            msg = "disk full"
            raise OSError(msg)

    async def end(self, reason: str) -> None:
        await self._write()
        self.grant = None
        self.ended.append(reason)

    async def use_login_state(self, nonce: str, expires_at: datetime) -> bool:
        await self._write()
        if nonce in self.nonces:
            return False
        self.nonces.add(nonce)
        return True


class SetFeed:
    """A live feed that shows what it was set to."""

    def __init__(self) -> None:
        self.status = FeedStatus(FeedState.LIVE, MONDAY_NOON)
        self.subscribed_instruments = 10
        self.capacity = 3000
        self.ticks_per_second = 12.5
        self.last_tick_at: datetime | None = MONDAY_NOON
        self._signal = ChangeSignal()

    def changes(self) -> AsyncIterator[None]:
        return self._signal.changes()

    def become(self, state: FeedState, at: datetime = MONDAY_NOON) -> None:
        """Change the state and tell everyone."""
        self.status = FeedStatus(state, at)
        self._signal.fire()


class FixedBudgets:
    """RequestBudgets that never run out."""

    def __init__(self) -> None:
        self.available = 1.0

    async def acquire(self, endpoint: str, *, within: float | None = None) -> None:
        """Always at once."""

    def refused(self, endpoint: str) -> None:
        """Nothing to hold back."""

    def status(self) -> tuple[RequestBudget, ...]:
        return (RequestBudget("quote", 1.0, self.available, 0),)
