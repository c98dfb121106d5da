"""The simulated world beyond India: the same generator, by each exchange's own clock.

The generator knows days and hours of one clock. Here that clock is the wall of each exchange: an instant goes in as
the local time that people there read, and the times of bars come out as instants again. So a day is a local day
everywhere, and a session that ends after midnight in India is one session. When summer time ends, the hour that comes
twice shows the same prices twice.
"""

from datetime import date, datetime, timedelta

from app.domain.candles import CandleRange
from app.domain.instruments import Exchange, Instrument, InstrumentKind
from app.domain.time import IST, ist_datetime
from app.sandbox.market import PathMarket
from app.sandbox.money import step_of
from app.sandbox.shapes import Bar
from app.sandbox.spots import build_spot
from app.sandbox.universe import Listed
from app.sandbox.yahoo.names import WORLD, WorldName
from app.sandbox.yahoo.venues import AROUND_THE_CLOCK, EVERY_DAY, VENUES, Venue

REACH = 0.3
"""How far a path strays from its level at the most, but for currencies."""
CURRENCY_REACH = 0.06
SHARED_BY_INDEX, SHARED_BY_SHARE = 0.6, 0.4
"""How much of the world's own movement indices and shares have in common."""
KINDS = {
    "EQUITY": InstrumentKind.EQUITY,
    "INDEX": InstrumentKind.INDEX,
    "CURRENCY": InstrumentKind.INDEX,
    "FUTURE": InstrumentKind.COMMODITY,
    "CRYPTOCURRENCY": InstrumentKind.CRYPTO,
}
"""By Yahoo's quoteType. A currency has no volume, as an index has none."""


def _listed(token: int, name: WorldName) -> Listed:
    instrument = Instrument(
        id=f"{Exchange.YAHOO}:{name.symbol}",
        exchange=Exchange.YAHOO,
        symbol=name.symbol,
        name=name.name,
        kind=KINDS[name.quote_type],
        segment=name.venue,
        instrument_token=token,
        exchange_token=None,
        tick_size=name.tick,
        lot_size=1,
        expiry=None,
        strike=None,
        underlying_id=None,
        currency=name.currency,
    )
    return Listed(instrument, name.quote_type, name.price, has_derivatives=False)


def _shared(name: WorldName) -> float:
    if name.symbol == "^VIX":
        return -SHARED_BY_INDEX
    return {"INDEX": SHARED_BY_INDEX, "EQUITY": SHARED_BY_SHARE}.get(name.quote_type, 0.0)


class _WallHours:
    """Trading hours by the wall clock of each exchange, which stands for the generator's."""

    def __init__(self, *, always_open: bool) -> None:
        self._always_open = always_open

    def trading_spans(self, instrument: Instrument, day: date, *, has_derivatives: bool) -> tuple[CandleRange, ...]:
        """One span on a day of trading."""
        del has_derivatives
        venue = VENUES[instrument.segment or ""]
        weekdays, (opens, closes) = venue.weekdays, venue.hours
        if self._always_open:
            weekdays, (opens, closes) = EVERY_DAY, AROUND_THE_CLOCK
        midnight = ist_datetime(day)
        if midnight.weekday() not in weekdays:
            return ()
        return (CandleRange(midnight + timedelta(minutes=opens), midnight + timedelta(minutes=closes)),)


class WorldMarket:
    """Bars of everything in `names.WORLD`. Safe to call from several threads."""

    def __init__(self, *, seed: int, always_open: bool) -> None:
        spots = {
            f"{Exchange.YAHOO}:{name.symbol}": build_spot(
                seed=seed,
                name=f"{Exchange.YAHOO}:{name.symbol}",
                step=step_of(name.tick),
                price=name.price,
                volatility=name.volatility,
                reach=CURRENCY_REACH if name.quote_type == "CURRENCY" else REACH,
                shared=_shared(name),
            )
            for name in WORLD
        }
        self.listed = tuple(_listed(token, name) for token, name in enumerate(WORLD, start=1))
        self._walls = PathMarket(self.listed, spots, _WallHours(always_open=always_open), seed=seed)

    def candles(self, token: int, interval: str, start: datetime, end: datetime, *, now: datetime) -> list[Bar]:
        """Bars that open in [start, end) and not after `now`, oldest first, as `PathMarket` has them."""
        venue = VENUES[self._walls.by_token[token].instrument.segment or ""]
        bars = self._walls.candles(token, interval, _wall(start, venue), _wall(end, venue), now=_wall(now, venue))
        return [bar._replace(time=bar.time.replace(tzinfo=venue.zone)) for bar in bars]


def _wall(instant: datetime, venue: Venue) -> datetime:
    """The local wall clock at an instant, as if it were India's."""
    return instant.astimezone(venue.zone).replace(tzinfo=IST)
