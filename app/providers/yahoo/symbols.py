"""Our ids <-> Yahoo's symbols. Pure; called by the sources and by whoever takes a YAHOO: id from a caller.

NSE:INFY        INFY.NS         the series (-BE, -SM ...) is Kite's alone and is dropped
BSE:500209      500209.BO
NSE:NIFTY 50    ^NSEI           indices by the table in `known`
YAHOO:^GSPC     ^GSPC           Yahoo's own symbols pass through
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import quote, quote_plus

from app.domain.errors import InvalidInput, NotSupported
from app.domain.instruments import (
    NO_CURRENCY,
    Exchange,
    Instrument,
    InstrumentKind,
    bare_instrument,
    parse_instrument_id,
)
from app.providers.yahoo.known import CURRENCIES_OF_COINS, CURRENCY_OF_SUFFIX, INDICES, KNOWN
from app.providers.yahoo.limits import MAX_SYMBOLS, MAX_URL_BYTES

MAX_SYMBOL_LENGTH = 32
"""Yahoo's longest are names of indices, with 25 characters."""
SYMBOL = re.compile(r"[A-Z0-9^][A-Z0-9.&_=^-]*")
"""What Yahoo's symbols are made of; a comma or a slash would change the request."""
SERIES = re.compile(r"-(EQ|BE|BZ|BL|SM|ST|SZ|IV|RR)$")
"""NSE's series of what Yahoo lists, two letters behind a dash; BAJAJ-AUTO and MCDOWELL-N have none."""
SUFFIXES = {Exchange.NSE: "NS", Exchange.BSE: "BO"}
IDS_OF_INDICES = {symbol: instrument_id for instrument_id, symbol in INDICES.items()}
INDIAN = tuple(f".{suffix}" for suffix in SUFFIXES.values())
INDIAN_INDICES = ("^CNX", "^NSE", "^BSE")
"""How Yahoo's symbols of Indian indices begin, those that are not in the table too."""
PAIR = re.compile(r"(?:[A-Z]{3})?([A-Z]{3})=X")
"""EURINR=X, or INR=X for USDINR: the second currency is that of the rate."""
COIN = re.compile(rf"[A-Z0-9]+-({'|'.join(sorted(CURRENCIES_OF_COINS))})")
QUERY_BYTES = 200
"""Path, crumb and the other parameters of a quote request."""


def to_yahoo_symbol(instrument: Instrument) -> str:
    """What Yahoo calls it. Raises NotSupported for derivatives and for indices that are not in the table."""
    if instrument.exchange is Exchange.YAHOO:
        return instrument.symbol
    if instrument.id in INDICES:
        return INDICES[instrument.id]
    suffix = SUFFIXES.get(instrument.exchange)
    if suffix is None:
        raise NotSupported(f"{instrument.id} has no symbol on Yahoo: it has no derivatives of Indian exchanges")
    if instrument.kind is InstrumentKind.INDEX:
        raise NotSupported(f"Yahoo's symbol of the index {instrument.id} is not known; ask for it as YAHOO:SYMBOL")
    bare = SERIES.sub("", instrument.symbol) if instrument.exchange is Exchange.NSE else instrument.symbol
    symbol = f"{bare}.{suffix}"
    if not _is_symbol(symbol):
        raise NotSupported(f"{instrument.id} has no symbol on Yahoo")
    return symbol


def from_yahoo_symbol(symbol: str) -> str:
    """Our id: of India's exchanges where the symbol is one of theirs, else YAHOO:SYMBOL. Raises InvalidInput."""
    if not _is_symbol(symbol):
        raise _impossible(symbol)
    if symbol in IDS_OF_INDICES:
        return IDS_OF_INDICES[symbol]
    bare, _, suffix = symbol.rpartition(".")
    for exchange, own in SUFFIXES.items():
        if suffix == own and bare:
            return f"{exchange}:{bare}"
    return f"{Exchange.YAHOO}:{symbol}"


def yahoo_instrument(symbol: str) -> Instrument:
    """The Instrument of a symbol that is asked for as YAHOO:SYMBOL; nothing is asked of Yahoo.

    Kind and currency are the table's, else they follow from the form: ^ INDEX, =X CURRENCY, =F COMMODITY,
    -USD CRYPTO, a suffix the exchange. The form tells what is usual; where it tells nothing it is NO_CURRENCY. Raises
    InvalidInput for what cannot be a symbol.
    """
    if not _is_symbol(symbol):
        raise _impossible(symbol)
    known = KNOWN.get(symbol)
    kind, currency = (known.kind, known.currency) if known else _by_form(symbol)
    bare = bare_instrument(Exchange.YAHOO, symbol, kind=kind, currency=currency)
    return replace(bare, name=known.name) if known else bare


def _is_symbol(symbol: str) -> bool:
    return len(symbol) <= MAX_SYMBOL_LENGTH and SYMBOL.fullmatch(symbol) is not None


def _impossible(symbol: str) -> InvalidInput:
    return InvalidInput(f"{symbol[:40]!r} cannot be a symbol of Yahoo's; write it as Yahoo does, for example ^GSPC")


def is_currency_certain(symbol: str) -> bool:
    """Whether our tables know what it is quoted in, so that a price in another currency cannot be its own."""
    return symbol in KNOWN or symbol in IDS_OF_INDICES or symbol.endswith(INDIAN)


def _by_form(symbol: str) -> tuple[InstrumentKind, str]:
    if symbol.startswith("^"):
        is_indian = symbol in IDS_OF_INDICES or symbol.startswith(INDIAN_INDICES)
        return InstrumentKind.INDEX, "INR" if is_indian else _of_suffix(symbol, without=NO_CURRENCY)
    if symbol.endswith("=X"):
        pair = PAIR.fullmatch(symbol)
        return InstrumentKind.CURRENCY, pair[1] if pair else NO_CURRENCY
    if symbol.endswith("=F"):
        return InstrumentKind.COMMODITY, "USD"
    coin = COIN.fullmatch(symbol)
    if coin is not None:
        return InstrumentKind.CRYPTO, coin[1]
    return InstrumentKind.EQUITY, _of_suffix(symbol, without="USD")


def _of_suffix(symbol: str, *, without: str) -> str:
    """What is usual on the exchange of the suffix. Shares of the United States have none."""
    _, dot, suffix = symbol.rpartition(".")
    return CURRENCY_OF_SUFFIX.get(suffix, NO_CURRENCY) if dot else without


def in_path(symbol: str) -> str:
    """The symbol as one segment of a path: M&M.NS and ^NSEI have characters that a path escapes."""
    return quote(symbol, safe="")


def by_symbol(instruments: Sequence[Instrument]) -> tuple[dict[str, tuple[Instrument, ...]], dict[str, NotSupported]]:
    """What to ask for -> the instruments it stands for; and those that Yahoo does not have, by id.

    Several instruments may share a symbol: INFY and INFY-BE, or NSE:NIFTY 50 and YAHOO:^NSEI.
    """
    asked: dict[str, tuple[Instrument, ...]] = {}
    without: dict[str, NotSupported] = {}
    for instrument in {instrument.id: instrument for instrument in instruments}.values():
        try:
            symbol = to_yahoo_symbol(instrument)
        except NotSupported as error:
            without[instrument.id] = error
        else:
            asked[symbol] = (*asked.get(symbol, ()), instrument)
    return asked, without


def cut_to_requests(symbols: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The same symbols in as many requests as they need."""
    chunk: list[str] = []
    size = QUERY_BYTES
    for symbol in symbols:
        cost = len(quote_plus(f"{symbol},"))
        if chunk and (len(chunk) == MAX_SYMBOLS or size + cost > MAX_URL_BYTES):
            yield tuple(chunk)
            chunk, size = [], QUERY_BYTES
        chunk.append(symbol)
        size += cost
    if chunk:
        yield tuple(chunk)


def own_instrument(instrument_id: str) -> Instrument | None:
    """The Instrument of an id YAHOO:SYMBOL; None for ids of other exchanges. Raises InvalidInput for what is no id."""
    exchange, symbol = parse_instrument_id(instrument_id)
    return yahoo_instrument(symbol) if exchange is Exchange.YAHOO else None


def unlisted_instrument(instrument_id: str) -> Instrument | None:
    """What NSE and BSE ids stand for while nobody has the instrument master: enough to ask Yahoo for a price.

    Whether there is such an instrument is not known, nor what kind it is, but for the indices of the table. None for
    other exchanges. Raises InvalidInput for what is no id.
    """
    exchange, symbol = parse_instrument_id(instrument_id)
    if exchange not in SUFFIXES:
        return None
    return bare_instrument(
        exchange, symbol, kind=InstrumentKind.INDEX if instrument_id in INDICES else InstrumentKind.OTHER
    )


def is_on_yahoo(instrument: Instrument) -> bool:
    """Whether Yahoo has a symbol for it."""
    try:
        to_yahoo_symbol(instrument)
    except NotSupported:
        return False
    return True
