"""What a backfill left in the store, as the table that closes the command."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from rich.table import Table

from app.domain.candle_merge import MERGED, ceil_period
from app.domain.candles import CandleRange, Interval
from app.domain.errors import MarketDataError
from app.domain.instruments import Instrument
from app.domain.spans import intersect
from app.domain.time import to_ist
from app.ports import Coverage
from app.services.history.expectation import INSTANT
from app.services.jobs.backfill import BackfillRequest, History, Instruments

SHOWN = 20
"""Instruments of the closing table: those that fit on a screen."""
LONGEST_SHUT = timedelta(days=6)
"""Stored spans with less between them are shown as one: no exchange was ever shut for longer, so nothing is missing."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What there is of one instrument afterwards."""

    instrument_id: str
    spans: Sequence[CandleRange]
    still: int | None
    """Upstream requests that the rest would take; None if it can never be had."""


class Holdings(History, Protocol):
    """The history service, asked what it holds."""

    async def stored(self, instrument: Instrument, interval: Interval, span: CandleRange) -> Sequence[Coverage]:
        """Spans that are in the store whole, oldest first."""
        ...


async def stored_now(asked: BackfillRequest, history: Holdings, instruments: Instruments) -> list[Stored]:
    """Of the first instruments. Sends nothing."""
    return [await _stored(each, asked, history, instruments) for each in asked.ids[:SHOWN]]


async def _stored(instrument_id: str, asked: BackfillRequest, history: Holdings, instruments: Instruments) -> Stored:
    """One that cannot be had has its line like the others: its fault is told elsewhere, and hides nobody's bars."""
    base = Interval.DAY if asked.interval in MERGED else asked.interval
    spans: Sequence[CandleRange] = ()
    try:
        instrument = instruments.require(instrument_id)
        coverage = await history.stored(instrument, base, asked.span)
        spans = opening_in(joined([known.span for known in coverage], asked.span), asked.interval)
        still = await history.requests_for(instrument, asked.interval, asked.span)
    except MarketDataError:
        return Stored(instrument_id, spans, None)
    return Stored(instrument_id, spans, still)


def joined(known: Sequence[CandleRange], span: CandleRange) -> list[CandleRange]:
    """What is known of a span, oldest first, without the nights and holidays between."""
    shown: list[CandleRange] = []
    for part in intersect(known, span):
        if shown and part.start - shown[-1].end <= LONGEST_SHUT:
            shown[-1] = CandleRange(shown[-1].start, part.end)
        else:
            shown.append(part)
    return shown


def opening_in(spans: Sequence[CandleRange], interval: Interval) -> list[CandleRange]:
    """The spans from where a bar opens: a week that began before a span is not in it."""
    if interval.minutes is not None:
        return list(spans)
    begun = ((ceil_period(span.start, interval), span.end) for span in spans)
    return [CandleRange(start, end) for start, end in begun if start < end]


def closing_table(asked: BackfillRequest, stored: Sequence[Stored]) -> Table:
    """What is in the store now."""
    more = len(asked.ids) - len(stored)
    table = Table("instrument", f"{asked.interval} bars stored", "requests to go", title="In the store")
    for each in stored:
        spans = ", ".join(f"{_day(span.start)} to {_day(span.end - INSTANT)}" for span in each.spans)
        table.add_row(each.instrument_id, spans or "none", "not to be had" if each.still is None else str(each.still))
    if more:
        table.caption = f"and {more} more"
    return table


def _day(instant: datetime) -> str:
    return f"{to_ist(instant):%Y-%m-%d}"
