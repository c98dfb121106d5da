"""Instruments: things with a price, and how a caller looks for them."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.domain.errors import InvalidInput

MAX_ID_LENGTH = 80
"""The longest symbol in a real master has 35 characters; what is longer is no id."""


NO_CURRENCY = "XXX"
"""ISO 4217's own code for no currency: what a price of it is in is not known, and none is made up."""


class Exchange(StrEnum):
    """Where an instrument trades. YAHOO holds Yahoo's own symbols, GLOBAL Kite's world indices."""

    NSE = "NSE"
    BSE = "BSE"
    NFO = "NFO"
    BFO = "BFO"
    CDS = "CDS"
    BCD = "BCD"
    MCX = "MCX"
    NCO = "NCO"
    NSEIX = "NSEIX"
    GLOBAL = "GLOBAL"
    YAHOO = "YAHOO"


class InstrumentKind(StrEnum):
    """What an instrument is. OTHER: bonds, bills and whatever the master does not tell."""

    EQUITY = "EQUITY"
    INDEX = "INDEX"
    FUTURE = "FUTURE"
    CALL = "CALL"
    PUT = "PUT"
    ETF = "ETF"
    CURRENCY = "CURRENCY"
    COMMODITY = "COMMODITY"
    CRYPTO = "CRYPTO"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One row of the instrument master."""

    id: str
    """EXCHANGE:SYMBOL exactly as the exchange writes it."""
    exchange: Exchange
    symbol: str
    name: str | None
    """Company or index name; None where the master leaves it empty, as for derivatives."""
    kind: InstrumentKind
    segment: str | None
    """The master's own word: NSE, INDICES, NFO-FUT, NFO-OPT ..."""
    instrument_token: int | None
    """The broker's number for the stream; reused after expiry, so never a key."""
    exchange_token: int | None
    tick_size: float | None
    """Smallest price step, in the currency; None for indices."""
    lot_size: int | None
    """Units per lot; None for indices."""
    expiry: date | None
    strike: float | None
    """Strike price of an option, in the currency."""
    underlying_id: str | None
    """Id of the instrument that a derivative is written on; None where it is not known."""
    currency: str
    """ISO 4217; NO_CURRENCY where nobody has told it yet."""

    @property
    def series_id(self) -> str:
        """What its bars are kept by."""
        return self.id


def bare_instrument(
    exchange: Exchange, symbol: str, *, kind: InstrumentKind = InstrumentKind.OTHER, currency: str = "INR"
) -> Instrument:
    """An instrument of which nothing is known but what its id says: no master has it."""
    return Instrument(
        id=f"{exchange}:{symbol}",
        exchange=exchange,
        symbol=symbol,
        name=None,
        kind=kind,
        segment=None,
        instrument_token=None,
        exchange_token=None,
        tick_size=None,
        lot_size=None,
        expiry=None,
        strike=None,
        underlying_id=None,
        currency=currency,
    )


@dataclass(frozen=True, slots=True)
class InstrumentFilter:
    """Narrows a search; None means any. Dates and strikes are inclusive."""

    exchanges: frozenset[Exchange] | None = None
    kinds: frozenset[InstrumentKind] | None = None
    underlying: str | None = None
    expiry: date | None = None
    expiry_from: date | None = None
    expiry_to: date | None = None
    strike_from: float | None = None
    strike_to: float | None = None


@dataclass(frozen=True, slots=True)
class InstrumentMatch:
    """A search result with its score, 0 to 1, best first."""

    instrument: Instrument
    score: float


def parse_instrument_id(text: str) -> tuple[Exchange, str]:
    """Exchange and symbol of an id such as `NSE:INFY`. Raises InvalidInput that says what is wrong."""
    if len(text) > MAX_ID_LENGTH:
        msg = f"an instrument id has at most {MAX_ID_LENGTH} characters; this one has {len(text)}"
        raise InvalidInput(msg)
    exchange, colon, symbol = text.partition(":")
    if not colon or not symbol or not text.isprintable():
        msg = f"{text!r} is not an instrument id; write EXCHANGE:SYMBOL, for example NSE:INFY"
        raise InvalidInput(msg)
    try:
        return Exchange(exchange), symbol
    except ValueError:
        msg = f"{exchange!r} in {text!r} is not an exchange; use one of {', '.join(Exchange)}"
        raise InvalidInput(msg) from None
