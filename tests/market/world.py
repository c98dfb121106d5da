"""A market of which a test decides every price, close and member."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta

import anyio
import anyio.lowlevel

from app.domain.calendar import TradingCalendar, always_open_calendar
from app.domain.candles import Candle, CandleRange, CandleSeries, Interval
from app.domain.constituents import Membership
from app.domain.errors import MarketDataError, NotPriced, SourceUnavailable, UnknownInstrument
from app.domain.instruments import Exchange, Instrument, parse_instrument_id
from app.domain.market_context import MarketContext
from app.domain.market_trend import TrendWeights
from app.domain.phases import MarketPhase, Phase
from app.domain.provenance import Cost, DataSource, Freshness
from app.domain.quotes import Quote, price_change
from app.domain.time import ist_date, ist_datetime
from app.services.index_members import IndexMembers
from app.services.market_context.closes import SessionCloses
from app.services.market_context.inputs import load_inputs
from app.services.market_context.service import ContextParts, MarketContexts
from app.services.phases import PhaseService
from tests.streaming.stage import an_instrument
from tests.support.clock import FixedClock

INPUTS = load_inputs()
QUOTED = INPUTS.quoted
MEMBERS = tuple(f"NSE:M{number}" for number in range(10))
DOWN = SourceUnavailable("it is down")


class StoredLists:
    """A MembershipStore in memory."""

    def __init__(self, *lists: Membership) -> None:
        self.lists = list(lists)

    async def save(self, membership: Membership) -> bool:
        """Append it."""
        self.lists.append(membership)
        return False

    async def remove(self, index: str, valid_from: date) -> bool:
        """Never called."""
        raise AssertionError(index, valid_from)

    async def all(self) -> list[Membership]:
        """All of them."""
        return self.lists


class World:
    """Quotes, day bars, members and a calendar; everything counted."""

    def __init__(self, *, since: date = date(2026, 9, 30), calendar: TradingCalendar | None = None) -> None:
        self.clock = FixedClock()
        self.inputs = INPUTS
        self.priced: dict[str, Quote] = {}
        self.errors: dict[str, MarketDataError] = {}
        self.stale: set[str] = set()
        self.closes: dict[str, list[float]] = {}
        self.refused: dict[str, tuple[date, date]] = {}
        """Day bars that the source refuses to give, from a day up to another that is not among them."""
        self.unknown: set[str] = set()
        self.quote_calls = 0
        self.bar_calls: list[str] = []
        self.seconds_per_call = 0.0
        self.gate: anyio.Event | None = None
        """What calls for prices wait for, if anything."""
        self.lists = StoredLists(Membership(self.inputs.trend, since, MEMBERS, "a test"))
        hours = PhaseService(calendar or always_open_calendar(), lambda _: False)
        parts = ContextParts(
            quotes=self,
            closes=SessionCloses(self, self.find, self.clock, hours, self.inputs.sessions_of),
            members=IndexMembers(self.lists, self.clock, shipped=()),
            find=self.find,
            freshness=self.freshness,
            phase=self.phase,
            clock=self.clock,
            inputs=self.inputs,
            weights=TrendWeights(),
        )
        self.contexts = MarketContexts(parts)

    def put(self, instrument_id: str, last: float, previous: float | None, *, volume: int | None = None) -> None:
        """A price of this moment."""
        change, percent = price_change(last, previous)
        self.priced[instrument_id] = Quote(
            id=instrument_id,
            last_price=last,
            source=DataSource.SANDBOX,
            received_at=self.clock.now(),
            previous_close=previous,
            change=change,
            change_percent=percent,
            volume=volume,
        )

    def find(self, instrument_id: str) -> Instrument:
        """An instrument of any id, but for the unknown ones."""
        if instrument_id in self.unknown:
            msg = f"there is no {instrument_id}"
            raise UnknownInstrument(msg)
        exchange, symbol = parse_instrument_id(instrument_id)
        return replace(an_instrument(symbol), id=instrument_id, exchange=exchange)

    def freshness(self, quote: Quote, instrument: Instrument) -> Freshness:
        """STALE where a test says so."""
        assert quote.id == instrument.id
        return Freshness.STALE if quote.id in self.stale else Freshness.LIVE

    def phase(self, exchange: Exchange, at: datetime) -> MarketPhase:
        """Always open."""
        return MarketPhase(exchange, Phase.OPEN, at, None, None, None, "a test")

    async def quotes(
        self, instruments: Sequence[Instrument], *, max_age: timedelta | None, cost: Cost
    ) -> Mapping[str, Quote | MarketDataError]:
        """One call for all."""
        assert max_age is None
        self.quote_calls += 1
        cost.upstream_calls += 1
        await anyio.lowlevel.checkpoint()
        if self.gate is not None:
            await self.gate.wait()
        self.clock.advance(self.seconds_per_call)
        return {
            each.id: self.errors.get(each.id) or self.priced.get(each.id) or NotPriced("no trade")
            for each in instruments
        }

    async def candles(  # noqa: PLR0913 - as in the port
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
        """The last closes, one a day up to yesterday."""
        assert (interval, start, end, include_forming) == (Interval.DAY, None, None, False)
        assert last is not None
        self.bar_calls.append(instrument.id)
        closes = self.closes.get(instrument.id)
        if closes is None:
            raise DOWN
        today = ist_date(self.clock.now())
        days = [(today - timedelta(days=len(closes) - at), close) for at, close in enumerate(closes)]
        return self.series(instrument, days[-last:])

    def series(self, instrument: Instrument, days: Sequence[tuple[date, float]]) -> CandleSeries:
        """Day bars, without those that are refused: they are missing, with a problem."""
        bars = [Candle(ist_datetime(day), close, close, close, close, 1) for day, close in days]
        refused = self.refused.get(instrument.id)
        if refused is None:
            return CandleSeries(instrument, Interval.DAY, None, None, tuple(bars), (), upstream_calls=1)
        span = CandleRange(*map(ist_datetime, refused))
        there = tuple(bar for bar in bars if not span.start <= bar.time < span.end)
        problem = f"{DOWN.code}: {DOWN.message}"
        return CandleSeries(
            instrument, Interval.DAY, None, None, there, (), upstream_calls=1, missing=(span,), problem=problem
        )


def price(world: World) -> None:
    """A price of this moment for everything."""
    for number, key in enumerate((*QUOTED, *MEMBERS)):
        world.put(key, 100.0 + number % 7, 100.0 + number % 5, volume=1_000 + number)


def whole() -> World:
    """A market in which nothing is missing."""
    world = World()
    price(world)
    for number, key in enumerate(world.inputs.sessions_of):
        world.closes[key] = [90.0 + (at * (number + 3)) % 17 for at in range(300)]
    return world


@asynccontextmanager
async def running(world: World) -> AsyncIterator[World]:
    """The world's contexts, with their background part."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(world.contexts.run)
        yield world
        tasks.cancel_scope.cancel()


async def context_of(world: World) -> MarketContext:
    """One context."""
    async with running(world):
        return await world.contexts.context(Cost())
