"""Bars and known spans as database rows and back, checked on the way in. Pure but for a bounded memory of instants.

For the candle stores, which move up to 50,000 of them at a time.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from itertools import pairwise
from math import isfinite
from typing import Any, TypeAlias

from app.domain.candle_chunks import CandleChunk, chunk_of_columns
from app.domain.candles import Candle, CandleRange, CandleState
from app.domain.drafts import quick_constructor
from app.domain.provenance import DataSource
from app.domain.time import from_epoch
from app.ports import Coverage

BarRow: TypeAlias = tuple[int, float, float, float, float, int, int | None, int]
"""Opening instant in epoch seconds, open, high, low, close, volume, open interest, state."""
KnownRow: TypeAlias = tuple[int, int, str, int]
"""Start and end in epoch microseconds, source, when it was fetched in epoch microseconds."""

STATES = {1: CandleState.FINAL, 2: CandleState.CORRECTED}
"""What the numbers in the column `state` mean. A forming bar is never stored."""
CODES = {state: code for code, state in STATES.items()}

EPOCH = from_epoch(0)
MICROSECOND = timedelta(microseconds=1)
SECOND_US = 1_000_000
REMEMBERED = 50_000
"""Instants that a decoder keeps, about 8 MB: as many as the longest answer has bars."""

_new_candle = quick_constructor(Candle)


class BarDecoder:
    """Turns rows into bars. Equal instants become one object while it is remembered.

    To make a datetime of a number takes as long as the rest of a bar, and charts ask for the same instants again
    and again, of one instrument and of the next. Threads may share a decoder.
    """

    def __init__(self) -> None:
        self._instants: dict[int, datetime] = {}

    def decode(self, rows: Iterable[Sequence[Any]]) -> list[Candle]:
        """One bar for each BarRow, in their order."""
        known, fresh = self._instants.get, self._fresh
        return [
            _new_candle(known(at) or fresh(at), opened, high, low, closed, volume, interest, STATES[state])
            for at, opened, high, low, closed, volume, interest, state in rows
        ]

    def _fresh(self, seconds: int) -> datetime:
        if len(self._instants) >= REMEMBERED:
            self._instants.clear()
        instant = self._instants[seconds] = from_epoch(seconds)
        return instant


def decode_chunk(batches: Iterable[Sequence[Sequence[Any]]]) -> CandleChunk:
    """One chunk of batches of BarRows, in their order. A bar becomes no object on the way."""
    columns: tuple[list[Any], ...] = tuple([] for _ in fields(CandleChunk))
    for rows in batches:
        for column, values in zip(columns, zip(*rows, strict=True), strict=True):
            column.extend(values)
    *numbers, states = columns
    return chunk_of_columns([*numbers, [STATES[code] for code in states]])


def encode_bars(bars: Iterable[Candle]) -> list[BarRow]:
    """One row a bar. Raises ValueError for what must not be stored.

    That is a bar that is still forming, is naive, opens within a second, holds a price that is no number, or does
    not open after the one before it.
    """
    rows = list(map(_encode, bars))
    for (earlier, *_), (later, *_) in pairwise(rows):
        if earlier >= later:
            fault = "there twice" if earlier == later else "not in order"
            raise ValueError(
                f"bars are {fault}: {from_epoch(later).isoformat()} follows {from_epoch(earlier).isoformat()}"
            )
    return rows


def _encode(bar: Candle) -> BarRow:
    opens, (first, high, low, last) = bar.time, (bar.open, bar.high, bar.low, bar.close)
    code = CODES.get(bar.state)
    if code is None or opens.tzinfo is None or opens.microsecond or not isfinite(first + high + low + last):
        raise ValueError(f"the bar of {opens.isoformat()} cannot be stored: {', '.join(_faults(bar))}")
    return int(opens.timestamp()), first, high, low, last, bar.volume, bar.open_interest, code


def _faults(bar: Candle) -> Iterator[str]:
    if bar.state not in CODES:
        yield f"it is {bar.state}"
    if bar.time.tzinfo is None:
        yield "it has no time zone"
    if bar.time.microsecond:
        yield "it does not open at a whole second"
    if not isfinite(bar.open + bar.high + bar.low + bar.close):
        yield "a price is no number"


def encode_known(spans: Iterable[Coverage]) -> list[KnownRow]:
    """One row a span."""
    return [
        (
            microseconds(known.span.start),
            microseconds(known.span.end),
            known.source.value,
            microseconds(known.fetched_at),
        )
        for known in spans
    ]


def decode_known(rows: Iterable[Sequence[Any]]) -> list[Coverage]:
    """One span for each KnownRow, in their order."""
    return [
        Coverage(CandleRange(_instant(starts), _instant(ends)), DataSource(source), _instant(fetched))
        for starts, ends, source, fetched in rows
    ]


def microseconds(instant: datetime) -> int:
    """Exact microseconds since 1970. Raises TypeError for a naive instant."""
    return (instant - EPOCH) // MICROSECOND


def opening_second(instant: datetime) -> int:
    """The first whole second that is not before an instant: bars that open at or after it open from there on."""
    return -(-microseconds(instant) // SECOND_US)


def _instant(microseconds_: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds_)
