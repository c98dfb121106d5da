"""A recorded hour, minute by minute: every number of the context, computed a second time by plain arithmetic."""

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from app.domain.calendar import load_calendar
from app.domain.candles import CandleSeries, Interval
from app.domain.constituents import Membership
from app.domain.instruments import Instrument
from app.domain.market_context import IndexMove, MarketContext, Movers
from app.domain.provenance import Cost
from app.domain.quotes import Quote
from tests.market.golden.arithmetic import (
    TREND,
    VIX,
    Closes,
    Price,
    expected_breadth,
    expected_movers,
    expected_moves,
    expected_regime,
    expected_sectors,
    expected_volatility,
)
from tests.market.world import World

HOUR = Path(__file__).parent / "golden" / "hour.json"
CALENDAR = load_calendar()
MINUTES = 60
STALE_MEMBERS = ("NSE:INFY", "NSE:TCS", "NSE:ITC", "NSE:SBIN", "NSE:TITAN", "NSE:WIPRO", "NSE:TRENT")
SHORT = {VIX: 40, "NSE:NIFTY AUTO": 10, "NSE:NIFTY MEDIA": 3}
"""Finished sessions that are known of some indices, in the hour with holes."""
GAPS = {TREND: (40, 30), VIX: (100, 90), "NSE:NIFTY IT": (12, 8), "NSE:NIFTY AUTO": (4, 3), "NSE:NIFTY MEDIA": (28, 25)}
"""Sessions back from the last one of which the source refuses the day bars, in the middle of the history.

Of the trend index too far back for its slope, of MEDIA too far back for anything.
"""


@pytest.fixture(scope="module")
def hour() -> dict[str, Any]:
    """The file."""
    return dict(json.loads(HOUR.read_text(encoding="utf-8")))


class RecordedWorld(World):
    """The hour at one of its minutes, with what is hidden of it.

    `short`: how many closes are left of which index; `gaps`: of which sessions back there are none.
    """

    def __init__(self, hour: dict[str, Any], short: dict[str, int], gaps: dict[str, tuple[int, int]]) -> None:
        super().__init__(calendar=CALENDAR)
        self.hour = hour
        self.members = tuple(self.hour["members"]["ids"])
        listed = date.fromisoformat(self.hour["members"]["as_of"])
        self.lists.lists[:] = [Membership(TREND, listed, self.members, "the recording")]
        self.sessions = {key: rows[-short.get(key, len(rows)) :] for key, rows in self.hour["closes"].items()}
        self.gaps = gaps
        for key, (start, end) in gaps.items():
            days = [date.fromisoformat(day) for day, _ in self.sessions[key]]
            self.refused[key] = days[-start], days[-end]
        self.clock.set(datetime.fromisoformat(self.hour["from"]))
        self.fresh: dict[str, Price] = {}

    @property
    def plain_closes(self) -> Closes:
        """Closes by id, oldest first, none of before a gap."""
        since = {key: end for key, (_, end) in self.gaps.items()}
        return {key: [close for _, close in rows[-since.get(key, 0) :]] for key, rows in self.sessions.items()}

    @property
    def needed(self) -> dict[str, int]:
        """How many closes the page asks for, by id; of a volatility index with a gap the whole year."""
        return dict.fromkeys(self.sessions, 22) | {TREND: 50, VIX: 252 if VIX in self.gaps else 60}

    def show(self, minute: int, hidden: Sequence[str], stale: Sequence[str]) -> None:
        """The prices of a minute: some without a price, some too old."""
        self.priced.clear()
        self.fresh.clear()
        self.stale = set(stale)
        for key, row in self.hour["prices"].items():
            if key in hidden:
                continue
            volume, average = (row[name][minute] if name in row else None for name in ("volume", "average"))
            price = Price(row["last"][minute], row["previous_close"], volume, average)
            self.priced[key] = self._quote(key, price)
            if key not in stale:
                self.fresh[key] = price

    def _quote(self, key: str, price: Price) -> Quote:
        self.put(key, price.last, price.previous, volume=price.volume)
        built = self.priced[key]
        fields = {name: getattr(built, name) for name in Quote.__slots__}
        return Quote(**fields | {"average_price": price.average, "exchange_time": self.clock.now()})

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
        """The recorded closes, on their own dates."""
        assert (interval, start, end, include_forming) == (Interval.DAY, None, None, False)
        rows = self.sessions[instrument.id][-(last or 0) :]
        return self.series(instrument, [(date.fromisoformat(day), close) for day, close in rows])


def expected(world: RecordedWorld) -> dict[str, Any]:
    """Everything that the context must say of this minute."""
    prices, closes, inputs = world.fresh, world.plain_closes, world.inputs
    groups = ("indices", "world", "currencies", "commodities")
    return {
        **expected_regime(prices, closes, world.members, is_list_fresh=False),
        "volatility": expected_volatility(prices, closes),
        "breadth": expected_breadth(prices, world.members),
        "movers": expected_movers(prices, world.members),
        "sectors": expected_sectors(prices, closes, inputs.sectors),
        **{group: expected_moves(prices, getattr(inputs, group)) for group in groups},
        "missing": {key for key in world.hour["prices"] if key not in prices}
        | {f"{key} day bars" for key in world.sessions if len(closes[key]) < world.needed[key]}
        | {f"{TREND} members"},
    }


def told(context: MarketContext) -> dict[str, Any]:
    """The context in the shape of `expected`."""
    view, regime, volatility = context.views[TREND], context.regime, context.volatility
    names = ("advances", "declines", "unchanged", "unpriced", "advance_decline_ratio", "percent_advancing")
    evidence = regime.evidence if regime else ()
    return {
        "confidence": context.confidence,
        "regime": regime
        and {
            "trend": str(regime.trend),
            "score": regime.score,
            "evidence": {
                line.name: {"value": line.value, "weight": line.weight, "contribution": line.contribution}
                for line in evidence
            },
        },
        "volatility": volatility
        and {
            "value": volatility.value,
            "change": volatility.change,
            "level": str(volatility.level),
            "percentile": volatility.percentile,
            "implied_daily_move_percent": volatility.implied_daily_move_percent,
        },
        "breadth": view.breadth and {name: getattr(view.breadth, name) for name in names},
        "movers": view.ranked and told_movers(view.ranked),
        "sectors": [
            {
                "name": sector.name,
                "percent": sector.quote.change_percent,
                "strength_5": sector.relative_strength_5d,
                "strength_22": sector.relative_strength_22d,
                "rank": sector.rank,
            }
            for sector in context.sectors
        ],
        "indices": told_moves(context.indices),
        "world": told_moves(context.world),
        "currencies": told_moves(context.currencies),
        "commodities": told_moves(context.commodities),
        "missing": {each.input for each in context.missing},
    }


def told_moves(moves: Sequence[IndexMove]) -> dict[str, Any]:
    """By id."""
    quotes = [move.quote for move in moves]
    return {
        each.id: {"last": each.last_price, "change": each.change, "percent": each.change_percent} for each in quotes
    }


def told_movers(movers: Movers) -> dict[str, Any]:
    """Figures in their order, and who they are of: of two alike either may be first."""
    turnovers = [(quote.volume or 0) * (quote.average_price or 0.0) for quote in movers.most_active]
    return {
        "gainers": ([quote.change_percent for quote in movers.gainers], {quote.id for quote in movers.gainers}),
        "losers": ([quote.change_percent for quote in movers.losers], {quote.id for quote in movers.losers}),
        "most_active": (turnovers, {quote.id for quote in movers.most_active}),
    }


def check(found: Any, wanted: Any, at: str) -> None:
    """Alike in every place: words and counts exactly, other numbers to nine digits."""
    if isinstance(wanted, dict):
        assert found is not None, at
        assert found.keys() == wanted.keys(), at
        for key, value in wanted.items():
            check(found[key], value, f"{at} {key}")
    elif isinstance(wanted, (list, tuple)):
        assert len(found) == len(wanted), at
        for place, value in enumerate(wanted):
            check(found[place], value, f"{at} {place}")
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-9), at
    else:
        assert found == wanted, at


def holes(minute: int, members: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """What has no price in a minute of the second play, and what has an old one."""
    if minute < 15:
        return (), STALE_MEMBERS
    if minute < 30:
        return (TREND, "YAHOO:^GSPC"), ("NSE:NIFTY IT",)
    if minute < 45:
        return ("YAHOO:INR=X", *members), ()
    return (VIX, "NSE:NIFTY REALTY"), (TREND, *members)


async def play(world: RecordedWorld, *, with_holes: bool) -> list[MarketContext]:
    """The hour, each minute compared."""
    found = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(world.contexts.run)
        for minute in range(MINUTES):
            world.show(minute, *(holes(minute, world.members) if with_holes else ((), ())))
            context = await world.contexts.context(Cost())
            assert context.as_of == world.clock.now()
            check(told(context), expected(world), f"minute {minute}:")
            found.append(context)
            world.clock.advance(timedelta(minutes=1).total_seconds())
        tasks.cancel_scope.cancel()
    return found


async def test_each_minute_of_the_hour_has_the_documented_numbers(hour: dict[str, Any]) -> None:
    """All inputs are there: nothing is missing but a newer list of members."""
    found = await play(RecordedWorld(hour, {}, {}), with_holes=False)
    assert all(context.confidence == 0.75 for context in found)
    assert len({context.regime.score for context in found if context.regime}) > MINUTES / 2
    assert {each.input for context in found for each in context.missing} == {f"{TREND} members"}


async def test_the_hour_with_holes_has_them_too(hour: dict[str, Any]) -> None:
    """Old members, then no index, no members at all, and in the end nothing but its history; each line by line."""
    found = await play(RecordedWorld(hour, SHORT, {}), with_holes=True)
    quarters = [found[minute] for minute in (0, 15, 30, 45)]
    assert [context.confidence for context in quarters] == pytest.approx([0.75, 0.2, 0.75, 0.2])
    assert quarters[0].volatility is not None
    assert quarters[0].volatility.percentile is None
    assert quarters[3].volatility is None
    assert quarters[3].views[TREND].breadth is None


async def test_the_hour_with_gaps_in_its_history_has_them_too(hour: dict[str, Any]) -> None:
    """Nothing is measured over a gap: what is made of the sessions after it stays, the rest is missing by name."""
    found = await play(RecordedWorld(hour, {}, GAPS), with_holes=False)
    for context in found:
        assert context.confidence == pytest.approx(0.5)
        reasons = {each.input: each.reason for each in context.missing if each.input.endswith("day bars")}
        assert reasons.keys() == {f"{key} day bars" for key in GAPS if key != "NSE:NIFTY MEDIA"}
        assert set(reasons.values()) == {"SOURCE_UNAVAILABLE: it is down"}
        strengths = {
            each.instrument.symbol: (each.relative_strength_5d, each.relative_strength_22d) for each in context.sectors
        }
        assert [each is None for each in strengths["NIFTY IT"]] == [False, True]
        assert [each is None for each in strengths["NIFTY AUTO"]] == [True, True]
        assert [each is None for each in strengths["NIFTY MEDIA"]] == [False, False]
