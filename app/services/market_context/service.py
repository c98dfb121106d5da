"""The market's context, computed once for all who ask and served from memory.

Comes in: prices from the quote service, closes of finished sessions, dated members of indices, the calendar. Goes out:
MarketContext. Called by the resolvers of `marketContext`; the runtime owns `run`.

A price counts only while it is fresh: one that is STALE is missing, with that reason. Nothing stands in for a missing
input.
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol

import anyio

from app.domain.constituents import Membership
from app.domain.errors import MarketDataError
from app.domain.instruments import Exchange, Instrument
from app.domain.market_context import IndexMove, IndexView, MarketContext, MissingInput, Volatility
from app.domain.market_members import Sector, breadth_of, movers_of, ranked_sectors
from app.domain.market_trend import NEEDED_CLOSES, TrendWeights, measured, regime_of
from app.domain.market_volatility import SHORTEST, volatility_of
from app.domain.phases import MarketPhase
from app.domain.provenance import Cost, Freshness
from app.domain.quotes import Quote
from app.domain.time import ist_date
from app.ports import Clock
from app.services.index_members import IndexMembers
from app.services.market_context.closes import Closes, SessionCloses
from app.services.market_context.inputs import MarketInputs

LIVE_SECONDS = 1.0
"""How long a context is given to everybody: prices at their sources change no more often than that."""
FIRST_PATIENCE = 3.0
"""Seconds that the very first question waits for closes; later they come from memory."""
MAX_INDICES = 30
"""Indices whose members are followed because somebody asked: each has up to some hundred."""
CLOSES = "day bars"


class Quotes(Protocol):
    """Prices on request."""

    async def quotes(
        self, instruments: Sequence[Instrument], *, max_age: timedelta | None, cost: Cost
    ) -> Mapping[str, Quote | MarketDataError]:
        """A quote or an error for each."""
        ...


@dataclass(frozen=True, slots=True)
class ContextParts:
    """What the context is made with."""

    quotes: Quotes
    closes: SessionCloses
    members: IndexMembers
    find: Callable[[str], Instrument]
    """The instrument of an id. Raises MarketDataError."""
    freshness: Callable[[Quote, Instrument], Freshness]
    phase: Callable[[Exchange, datetime], MarketPhase]
    clock: Clock
    inputs: MarketInputs
    weights: TrendWeights


class MarketContexts:
    """One context a second at most, however many ask. Bounded by the inputs and MAX_INDICES. For one event loop."""

    def __init__(self, parts: ContextParts) -> None:
        self._parts = parts
        self._indices: dict[str, None] = {parts.inputs.trend: None}
        self._newest: MarketContext | None = None
        self._computed_at = 0.0
        self._computing = anyio.Lock()

    async def run(self) -> None:
        """Keep the closes of finished sessions up to date until cancelled."""
        await self._parts.closes.run()

    async def context(self, cost: Cost) -> MarketContext:
        """The context of this second. `cost` grows by the requests that were needed for it."""
        with anyio.move_on_after(FIRST_PATIENCE):
            await self._parts.closes.first_round.wait()
        return await self._fresh(cost)

    async def view(self, index: str, cost: Cost) -> IndexView:
        """Breadth and movers of an index, of the same second as the context.

        An index that nobody asked for lately is followed from now on. Raises MarketDataError for what is no index.
        """
        self._parts.find(index)
        if index not in self._indices:
            if len(self._indices) >= MAX_INDICES:
                self._indices.pop(next(key for key in self._indices if key != self._parts.inputs.trend))
            self._indices[index] = None
            self._newest = None
        return (await self._fresh(cost)).views[index]

    async def updates(self, throttle: float, cost: Cost) -> AsyncGenerator[MarketContext, None]:
        """The context now, and again each `throttle` seconds, at least LIVE_SECONDS apart."""
        while True:
            yield await self.context(cost)
            await anyio.sleep(max(throttle, LIVE_SECONDS))

    async def _fresh(self, cost: Cost) -> MarketContext:
        async with self._computing:
            now = self._parts.clock.monotonic()
            if self._newest is None or now - self._computed_at >= LIVE_SECONDS:
                self._newest = await self._compute(cost)
                self._computed_at = now
            return self._newest

    async def _compute(self, cost: Cost) -> MarketContext:
        parts = self._parts
        gathering = _Gathering(parts)
        memberships = {index: await gathering.membership(index) for index in self._indices}
        ids = [*parts.inputs.quoted, *(member for each in memberships.values() if each for member in each.members)]
        await gathering.prices(dict.fromkeys(ids), cost)
        return gathering.context(memberships)


@dataclass(slots=True)
class _Gathering:
    """One computation: the fresh prices, and what is missing."""

    parts: ContextParts
    quotes: dict[str, Quote] = field(default_factory=dict)
    """The fresh ones."""
    instruments: dict[str, Instrument] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    """Why an id has no fresh price."""
    stale_lists: dict[str, MissingInput] = field(default_factory=dict)

    async def membership(self, index: str) -> Membership | None:
        """The list of an index's members; one that is missing or too old is noted."""
        name = f"{index} members"
        try:
            found = await self.parts.members.membership(index)
        except MarketDataError as error:
            self.stale_lists[index] = MissingInput(name, f"{error.code}: {error.message}")
            return None
        if found.is_stale(ist_date(self.parts.clock.now())):
            reason = f"STALE_LIST: the list is of {found.valid_from}, older than 7 months: import a newer one"
            self.stale_lists[index] = MissingInput(name, reason)
        return found

    async def prices(self, ids: Iterable[str], cost: Cost) -> None:
        """Ask for all at once, and keep those that are fresh."""
        for key in ids:
            try:
                self.instruments[key] = self.parts.find(key)
            except MarketDataError as error:
                self.reasons[key] = f"{error.code}: {error.message}"
        answers = await self.parts.quotes.quotes(list(self.instruments.values()), max_age=None, cost=cost)
        for key, answer in answers.items():
            if isinstance(answer, MarketDataError):
                self.reasons[key] = f"{answer.code}: {answer.message}"
            elif self.parts.freshness(answer, self.instruments[key]) is Freshness.STALE:
                self.reasons[key] = f"STALE: the last price is of {answer.received_at.isoformat(timespec='seconds')}"
            else:
                self.quotes[key] = answer

    def context(self, memberships: Mapping[str, Membership | None]) -> MarketContext:
        """The context of what was gathered."""
        parts, inputs = self.parts, self.parts.inputs
        now = parts.clock.now()
        views = {index: self._view(index, membership) for index, membership in memberships.items()}
        trend, breadth = self.quotes.get(inputs.trend), views[inputs.trend].breadth
        closes = self._closes_before(inputs.trend, trend, now)
        regime, confidence = regime_of(
            measured(
                closes,
                last=trend.last_price if trend else None,
                previous_close=trend.previous_close if trend else None,
                breadth=breadth,
            ),
            parts.weights,
        )
        return MarketContext(
            as_of=now,
            phase=parts.phase(Exchange.NSE, now),
            regime=regime,
            volatility=self._volatility(now),
            views=views,
            indices=self._moves(inputs.indices),
            sectors=ranked_sectors(self._sectors(inputs.sectors, now), self._sector("", inputs.trend, now)),
            world=self._moves(inputs.world),
            currencies=self._moves(inputs.currencies),
            commodities=self._moves(inputs.commodities),
            confidence=confidence,
            missing=tuple(self._missing(views[inputs.trend], len(closes))),
        )

    def _view(self, index: str, membership: Membership | None) -> IndexView:
        stale = self.stale_lists.get(index)
        missing = () if stale is None else (stale,)
        instrument = self.instruments.get(index) or self._found(index)
        if membership is None or instrument is None:
            return IndexView(None, None, missing)
        unpriced = tuple(
            MissingInput(member, self.reasons.get(member, "NOT_PRICED: it has no price now"))
            for member in membership.members
            if member not in self.quotes
        )
        breadth = breadth_of(instrument, membership, self.quotes)
        return IndexView(breadth, movers_of(membership, self.quotes), (*missing, *unpriced))

    def _found(self, index: str) -> Instrument | None:
        try:
            return self.parts.find(index)
        except MarketDataError:
            return None

    def _volatility(self, now: datetime) -> Volatility | None:
        key = self.parts.inputs.volatility
        quote = self.quotes.get(key)
        if quote is None:
            return None
        return volatility_of(self.instruments[key], quote, self._closes_before(key, quote, now))

    def _moves(self, ids: Sequence[str]) -> tuple[IndexMove, ...]:
        return tuple(IndexMove(self.instruments[key], self.quotes[key]) for key in ids if key in self.quotes)

    def _sectors(self, sectors: Mapping[str, str], now: datetime) -> list[Sector]:
        found = (self._sector(name, key, now) for name, key in sectors.items())
        return [sector for sector in found if sector is not None]

    def _sector(self, name: str, key: str, now: datetime) -> Sector | None:
        quote = self.quotes.get(key)
        if quote is None:
            return None
        return Sector(name, self.instruments[key], quote, self._closes_before(key, quote, now))

    def _closes_before(self, key: str, quote: Quote | None, now: datetime) -> list[float]:
        """Closes of the sessions before the one that the price is of."""
        return self.parts.closes.of(key).before(_session_of(quote, now))

    def _missing(self, view: IndexView, trend_closes: int) -> Iterable[MissingInput]:
        inputs = self.parts.inputs
        for key in inputs.quoted:
            if key not in self.quotes:
                yield MissingInput(key, self.reasons.get(key, "NOT_PRICED: it has no price now"))
        yield from view.missing
        needed = {inputs.trend: NEEDED_CLOSES, inputs.volatility: SHORTEST} | dict.fromkeys(inputs.sectors.values(), 22)
        for key, count in needed.items():
            closes = self.parts.closes.of(key)
            known = trend_closes if key == inputs.trend else len(closes.by_date)
            reason = _closes_problem(closes, known, count)
            if reason is not None:
                yield MissingInput(f"{key} {CLOSES}", reason)


def _closes_problem(closes: Closes, known: int, needed: int) -> str | None:
    if known >= needed:
        return None
    return closes.problem or f"TOO_SHORT: {known} finished sessions are known and {needed} are needed"


def _session_of(quote: Quote | None, now: datetime) -> date:
    """The day in India of the session that a price is of."""
    at = None if quote is None else quote.exchange_time or quote.last_trade_time or quote.received_at
    return ist_date(at or now)
