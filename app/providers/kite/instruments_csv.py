"""Kite's instrument master, 12 columns of CSV -> instruments.

Comes in: raw bytes. Goes out: a dump; rows that cannot be read are counted and never stop the others. Called
by `instruments` in a worker thread.

In a thread, not in a process: bringing 130,000 objects back from a process costs more than making them, and
holds the interpreter while it does. Between slices the thread gives the interpreter away, so that the event
loop waits for a slice (0.5 ms) and not for the parse.
"""

import csv
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from hashlib import sha256
from io import BytesIO, TextIOWrapper
from math import isfinite
from sys import intern

from app.domain.drafts import quick_constructor
from app.domain.errors import MalformedPayload
from app.domain.instruments import MAX_ID_LENGTH, Exchange, Instrument, InstrumentKind
from app.ports import InstrumentDump
from app.providers.kite.kinds import currency_of, kind_of, underlying_of
from app.providers.kite.symbols import DERIVATIVES

COLUMNS = (
    "instrument_token",
    "exchange_token",
    "tradingsymbol",
    "name",
    "expiry",
    "strike",
    "tick_size",
    "lot_size",
    "instrument_type",
    "segment",
    "exchange",
)
"""What is read of a row; last_price is not live in the master, and left alone."""
SLICE_ROWS = 100
"""Rows between two pauses."""
MAX_TOKEN = 2**32 - 1
"""The ticker's packets have four bytes for it."""
MOST_DIGITS = 10
"""Of either; longer text is not worth reading."""
MAX_LOT = 2**31 - 1
"""What a GraphQL Int can carry."""
EXCHANGES = {exchange.value: exchange for exchange in Exchange}
_new_instrument = quick_constructor(Instrument)
OPTIONS = frozenset({InstrumentKind.CALL, InstrumentKind.PUT})
MOST_UNREADABLE = 0.5
"""A master of which half cannot be read has another format: taking it would empty ours."""


def parse_dump(raw: bytes) -> InstrumentDump:
    """The whole master, ids unique (the first row of an id counts), in Kite's order.

    Raises MalformedPayload if it is none: other columns, no row, or most rows unreadable.
    """
    lines = TextIOWrapper(BytesIO(raw), encoding="utf-8-sig", errors="replace")
    positions = _positions(next(lines, ""))
    found: dict[str, Instrument] = {}
    skipped = 0
    for row, line in enumerate(lines):
        if row % SLICE_ROWS == 0:
            time.sleep(0)
        instrument = _instrument(_cells(line.rstrip()), positions)
        if instrument is None or instrument.id in found:
            skipped += not line.isspace()
        else:
            found[instrument.id] = instrument
    if not found or skipped > MOST_UNREADABLE * (len(found) + skipped):
        raise MalformedPayload(f"Kite sent an instrument master of {len(found)} readable and {skipped} unreadable rows")
    instruments = tuple(_with_certain_underlying(found))
    return InstrumentDump(instruments, digest=sha256(raw).hexdigest(), skipped_rows=skipped)


def _positions(line: str) -> tuple[int, ...]:
    header = _cells(line.rstrip())
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise MalformedPayload(f"Kite sent an instrument master without the columns {', '.join(missing)}")
    return tuple(header.index(column) for column in COLUMNS)


def _cells(line: str) -> list[str]:
    """One line at a time, so that a stray quotation mark spoils its own row and not the next thousand."""
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader((line,)))
    except csv.Error:
        return []


def _instrument(cells: Sequence[str], positions: tuple[int, ...]) -> Instrument | None:
    """The row as an instrument; None if it cannot be read."""
    try:
        token, exchange_token, symbol, name, expiry, strike, tick, lot, type_word, segment, word = [
            cells[position] for position in positions
        ]
        exchange = EXCHANGES[word]
        instrument_id = _id(word, symbol)
        kind = kind_of(exchange, segment=segment, type_word=type_word, symbol=symbol, name=name)
        contract = kind in DERIVATIVES
        return _new_instrument(
            id=instrument_id,
            exchange=exchange,
            symbol=symbol,
            name=intern(name) if name else None,
            kind=kind,
            segment=intern(segment) if segment else None,
            instrument_token=_whole(token, MAX_TOKEN),
            exchange_token=_whole_or_none(exchange_token),
            tick_size=None if kind is InstrumentKind.INDEX else _amount(tick),
            lot_size=None if kind is InstrumentKind.INDEX or not lot else _whole(lot, MAX_LOT) or None,
            expiry=_expiry(expiry, needed=contract),
            strike=_strike(strike) if kind in OPTIONS else None,
            underlying_id=underlying_of(exchange, name) if contract else None,
            currency=currency_of(exchange),
        )
    except (LookupError, ValueError):
        return None


def _id(exchange: str, symbol: str) -> str:
    instrument_id = f"{exchange}:{symbol}"
    if not symbol.strip() or len(instrument_id) > MAX_ID_LENGTH or not symbol.isprintable() or "\ufffd" in symbol:
        raise ValueError(symbol)
    return instrument_id


def _whole(text: str, most: int) -> int:
    """A count in plain digits: int() alone takes signs, spaces and underscores."""
    if not (text.isdigit() and text.isascii() and len(text) <= MOST_DIGITS and (number := int(text)) <= most):
        raise ValueError(text)
    return number


def _whole_or_none(text: str) -> int | None:
    try:
        return _whole(text, MAX_TOKEN)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _amount(text: str) -> float | None:
    """A finite amount from 0 on; None for blank and for 0. A master has few thousand different ones."""
    amount = float(text) if text else 0.0
    if not isfinite(amount) or amount < 0:
        raise ValueError(text)
    return amount or None


def _strike(text: str) -> float:
    strike = _amount(text)
    if strike is None:
        raise ValueError(text)
    return strike


@lru_cache(maxsize=1024)
def _expiry(text: str, *, needed: bool) -> date | None:
    """A date, or None for blank, which a contract must not have."""
    if not text and not needed:
        return None
    return date.fromisoformat(text)


def _with_certain_underlying(found: dict[str, Instrument]) -> Iterator[Instrument]:
    """The same rows; an underlying that the master does not have is None."""
    for instrument in found.values():
        if instrument.underlying_id is None or instrument.underlying_id in found:
            yield instrument
        else:
            yield replace(instrument, underlying_id=None)
