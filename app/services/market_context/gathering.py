"""The prices and lists of one computation, and what is missing among them.

Comes in: the parts that the context is made with. Goes out: a MarketContext or one index's view. Called by `service`;
each Gathering lives for one computation.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from math import isfinite
from typing import Protocol

from app.domain.constituents import Membership
from app.domain.errors import MarketDataError
from app.domain.instruments import Exchange, Instrument
from app.domain.market_closes import is_price
from app.domain.market_context import IndexMove, IndexView, MarketContext, MissingInput, Volatility
from app.domain.market_members import STRENGTH, Sector, are_alike, breadth_of, movers_of, ranked_sectors
from app.domain.market_trend import BREADTH, NEEDED_CLOSES, TrendWeights, measured, realised_volatility, regime_of
from app.domain.market_volatility import SESSIONS, SHORTEST, volatility_of
from app.domain.phases import MarketPhase
from app.domain.provenance import Cost, Freshness
from app.domain.quotes import Quote
from app.domain.time import ist_date
from app.ports import Clock
from app.services.index_members import IndexMembers
from app.services.market_context.closes import SessionCloses
from app.services.market_context.inputs import MarketInputs

CLOSES = "day bars"
PREVIOUS_CLOSE = "previous close"
NO_PRICE = "NOT_PRICED: it has no price now"
FLAT = "FLAT: it did not move, so there is no unit to measure moves in"
OTHER_SESSIONS = "OTHER_SESSIONS: its price or its day bars are not of the same sessions as those of"
NO_PREVIOUS_CLOSE = "NOT_PRICED: its source gives no previous close"


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


@dataclass(slots=True)
class Gathering:
    """One computation: the fresh prices, and what is missing."""

    parts: ContextParts
    quotes: dict[str, Quote] = field(default_factory=dict)
    """The fresh ones."""
    instruments: dict[str, Instrument] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    """Why an id has no fresh price."""
    list_problem: MissingInput | None = None
    """Why there is no list of the index's members, or what is wrong with it."""

    async def membership(self, index: str) -> Membership | None:
        """The list of an index's members; one that is missing or too old is noted."""
        name = f"{index} members"
        try:
            found = await self.parts.members.membership(index)
        except MarketDataError as error:
            self.list_problem = MissingInput(name, f"{error.code}: {error.message}")
            return None
        if found.is_stale(ist_date(self.parts.clock.now())):
            reason = f"STALE_LIST: the list is of {found.valid_from}, older than 7 months: import a newer one"
            self.list_problem = MissingInput(name, reason)
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
                self._take(key, answer)

    def _take(self, key: str, quote: Quote) -> None:
        """Keep a fresh quote, unless its price cannot be one; a previous close that cannot be one is none.

        Futures on commodities have been below zero, and nothing is computed from them.
        """
        if key in self.parts.inputs.commodities and isfinite(quote.last_price):
            self.quotes[key] = quote
        elif not is_price(quote.last_price):
            self.reasons[key] = f"NOT_A_PRICE: its source says {quote.last_price:.6g}"
        elif is_price(quote.previous_close):
            self.quotes[key] = quote
        else:
            self.quotes[key] = replace(quote, previous_close=None, change=None, change_percent=None)

    def context(self, membership: Membership | None) -> MarketContext:
        """The context of what was gathered. `membership`: of the index whose trend is told."""
        parts, inputs = self.parts, self.parts.inputs
        now = parts.clock.now()
        view = self.view(inputs.trend, membership)
        trend = self.quotes.get(inputs.trend)
        closes = self._closes_before(inputs.trend, now)
        regime, confidence = regime_of(
            measured(
                list(closes.values()),
                last=trend.last_price if trend else None,
                previous_close=trend.previous_close if trend else None,
                breadth=view.breadth,
            ),
            parts.weights,
            stale=frozenset() if self.list_problem is None else frozenset({BREADTH}),
        )
        return MarketContext(
            as_of=now,
            phase=parts.phase(Exchange.NSE, now),
            regime=regime,
            volatility=self._volatility(now),
            views={inputs.trend: view},
            indices=self._moves(inputs.indices),
            sectors=ranked_sectors(self._sectors(inputs.sectors, now), self._sector("", inputs.trend, now)),
            world=self._moves(inputs.world),
            currencies=self._moves(inputs.currencies),
            commodities=self._moves(inputs.commodities),
            confidence=confidence,
            missing=(*self._unpriced(), *view.missing, *self._missing_closes(now)),
        )

    def view(self, index: str, membership: Membership | None) -> IndexView:
        """What the members of an index do: those whose price is of the newest session that any of them has."""
        missing = [] if self.list_problem is None else [self.list_problem]
        instrument = self.instruments.get(index) or self._found(index)
        if membership is None or instrument is None:
            return IndexView(None, None, tuple(missing))
        known = {member: self.quotes[member] for member in membership.members if member in self.quotes}
        session = max(map(_priced_on, known.values()), default=None)
        current: dict[str, Quote] = {}
        for member in membership.members:
            quote = known.get(member)
            problem = self.reasons.get(member, NO_PRICE) if quote is None else _problem_of(quote, session)
            if problem is not None:
                missing.append(MissingInput(member, problem))
            elif quote is not None:
                current[member] = quote
        return IndexView(breadth_of(instrument, membership, current), movers_of(membership, current), tuple(missing))

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
        return volatility_of(self.instruments[key], quote, list(self._closes_before(key, now).values()))

    def _moves(self, ids: Sequence[str]) -> tuple[IndexMove, ...]:
        return tuple(IndexMove(self.instruments[key], self.quotes[key]) for key in ids if key in self.quotes)

    def _sectors(self, sectors: Mapping[str, str], now: datetime) -> list[Sector]:
        found = (self._sector(name, key, now) for name, key in sectors.items())
        return [sector for sector in found if sector is not None]

    def _sector(self, name: str, key: str, now: datetime) -> Sector | None:
        quote = self.quotes.get(key)
        if quote is None:
            return None
        return Sector(name, self.instruments[key], quote, self._closes_before(key, now))

    def _closes_before(self, key: str, now: datetime) -> Mapping[date, float]:
        """Closes of the sessions before the one that the price is of, without a gap."""
        day = self._day_of(key, now)
        return self.parts.closes.of(key, day).before(day)

    def _day_of(self, key: str, now: datetime) -> date:
        return _session_of(self.quotes.get(key), now)

    def _unpriced(self) -> Iterable[MissingInput]:
        for key in self.parts.inputs.quoted:
            quote = self.quotes.get(key)
            if quote is None:
                yield MissingInput(key, self.reasons.get(key, NO_PRICE))
            elif quote.change_percent is None:
                yield MissingInput(f"{key} {PREVIOUS_CLOSE}", NO_PREVIOUS_CLOSE)

    def _missing_closes(self, now: datetime) -> Iterable[MissingInput]:
        inputs = self.parts.inputs
        trend = self._closes_before(inputs.trend, now)
        for key in inputs.sessions_of:
            reason = self._lack_of(key, now)
            if reason is None and key == inputs.trend and realised_volatility(list(trend.values())) is None:
                reason = FLAT
            is_compared = key in inputs.sectors.values() and {key, inputs.trend} <= self.quotes.keys()
            if reason is None and is_compared and len(trend) >= STRENGTH:
                own = self._closes_before(key, now)
                reason = None if are_alike(own, trend, STRENGTH) else f"{OTHER_SESSIONS} {inputs.trend}"
            if reason is not None:
                yield MissingInput(f"{key} {CLOSES}", reason)

    def _lack_of(self, key: str, now: datetime) -> str | None:
        """Why an input has too few closes for all that is made of them; None if it has enough.

        The year of a young volatility index is shorter, that of one with a gap lacks something.
        """
        inputs, day = self.parts.inputs, self._day_of(key, now)
        known = self.parts.closes.of(key, day)
        needed = NEEDED_CLOSES if key == inputs.trend else STRENGTH
        if key == inputs.volatility:
            needed = SHORTEST if known.gap_before(day) is None else SESSIONS
        return known.reason(day, needed) if len(known.before(day)) < needed else None


def _problem_of(quote: Quote, session: date | None) -> str | None:
    """Why a member's fresh quote says nothing of the session that the others are in; None if it does."""
    day = _priced_on(quote)
    if day != session:
        return f"STALE: its last price is of {day}, that of other members of {session}"
    return NO_PREVIOUS_CLOSE if quote.change_percent is None else None


def _priced_on(quote: Quote) -> date:
    """The day in India on which the price was made: a halted stock goes on to be quoted at an older one."""
    return ist_date(quote.last_trade_time or quote.exchange_time or quote.received_at)


def _session_of(quote: Quote | None, now: datetime) -> date:
    """The day in India of the session that a price is of."""
    at = None if quote is None else quote.exchange_time or quote.last_trade_time or quote.received_at
    return ist_date(at or now)
