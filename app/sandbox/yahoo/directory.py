"""Every symbol that the simulated Yahoo knows, and what it is.

Comes in: the Indian market's list and the world's. Goes out: securities by Yahoo's symbols. Built once a sandbox; read
by every endpoint and the stream.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.domain.instruments import Exchange, Instrument, InstrumentKind
from app.sandbox.prices import Market
from app.sandbox.shapes import Bar
from app.sandbox.universe import Listed
from app.sandbox.yahoo.names import INDEX_KEYS
from app.sandbox.yahoo.venues import VENUES, Venue
from app.sandbox.yahoo.world import WorldMarket

SERIES = re.compile(r"-(?:BE|BZ|SM|ST|IV|RR|E1|P1|RE-BE)$")
"""Kite's suffixes of series, which Yahoo leaves out; BAJAJ-AUTO keeps its dash."""
_QUOTE_TYPES = {InstrumentKind.EQUITY: "EQUITY", InstrumentKind.ETF: "ETF"}
_SUFFIXES = {Exchange.NSE: ("NS", "NSI"), Exchange.BSE: ("BO", "BSE")}
SHORT_NAME = 30
"""Yahoo cuts short names at so many characters."""


class Bars(Protocol):
    """Where a security's prices come from."""

    def candles(self, token: int, interval: str, start: datetime, end: datetime, *, now: datetime) -> list[Bar]:
        """As `SimulatedMarket.candles`."""
        ...


@dataclass(frozen=True, slots=True)
class Security:
    """One symbol."""

    symbol: str
    name: str
    quote_type: str
    """EQUITY, ETF, INDEX, CURRENCY, FUTURE or CRYPTOCURRENCY."""
    currency: str
    venue: Venue
    tick: float
    base_price: float
    """The level around which it trades."""
    bars: Bars
    token: int

    @property
    def short_name(self) -> str:
        """The name as Yahoo shortens it."""
        return self.name[:SHORT_NAME].rstrip()

    @property
    def price_hint(self) -> int:
        """Decimals that Yahoo shows."""
        return 4 if self.tick < 0.01 else 2  # noqa: PLR2004  a hundredth


def build_directory(market: Market, world: WorldMarket) -> Mapping[str, Security]:
    """All securities by symbol: Indian shares, funds and indices, then the world's."""
    found: dict[str, Security] = {}
    for security in (*_indian(market), *_world(world)):
        found.setdefault(security.symbol, security)
    return found


def _indian(market: Market) -> Iterator[Security]:
    for row in market.listed:
        instrument = row.instrument
        if instrument.kind in _QUOTE_TYPES and instrument.exchange in _SUFFIXES:
            suffix, code = _SUFFIXES[instrument.exchange]
            yield _security(f"{SERIES.sub('', instrument.symbol)}.{suffix}", code, row, market)
            if instrument.exchange is Exchange.BSE:
                yield _security(f"{instrument.exchange_token}.BO", code, row, market)
    for symbol, key in INDEX_KEYS.items():
        row_of_index = market.by_key.get(key)
        if row_of_index is not None:
            code = _SUFFIXES[row_of_index.instrument.exchange][1]
            yield _security(symbol, code, row_of_index, market)


def _world(world: WorldMarket) -> Iterator[Security]:
    for row in world.listed:
        yield _security(row.instrument.symbol, row.instrument.segment or "", row, world)


def _security(symbol: str, code: str, row: Listed, bars: Bars) -> Security:
    instrument = row.instrument
    return Security(
        symbol=symbol,
        name=instrument.name or instrument.symbol,
        quote_type=_quote_type(instrument, row.instrument_type),
        currency=instrument.currency,
        venue=VENUES[code],
        tick=instrument.tick_size or 0.05,
        base_price=row.base_price,
        bars=bars,
        token=instrument.instrument_token or 0,
    )


def _quote_type(instrument: Instrument, instrument_type: str) -> str:
    if instrument.exchange is Exchange.YAHOO:
        return instrument_type
    return _QUOTE_TYPES.get(instrument.kind, "INDEX")
