"""Candles for a terminal, a spreadsheet and a program. Pure; a CandleSeries comes in, text or a table goes out.

Each says whose data it is: an export of simulated prices must never look like a real one.
"""

import csv
import io

import orjson
from rich.table import Table

from app.domain.candles import Candle, CandleSeries
from app.domain.time import to_ist

COLUMNS = ("time", "open", "high", "low", "close", "volume", "open_interest", "state", "source")
NUMBERS = ("open", "high", "low", "close", "volume")


def csv_text(series: CandleSeries) -> str:
    """A header and a line a bar, oldest first. Times with +05:30; prices as the exchange printed them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    source = _source(series)
    for bar in series.candles:
        interest = "" if bar.open_interest is None else bar.open_interest
        numbers = (bar.open, bar.high, bar.low, bar.close, bar.volume)
        writer.writerow((to_ist(bar.time).isoformat(), *numbers, interest, bar.state.value, source))
    return text.getvalue()


def json_text(series: CandleSeries) -> str:
    """One object with the fields of GraphQL's CandleSeries, on one line."""
    answer = {
        "instrument": series.instrument.id,
        "interval": series.interval.value,
        "from": None if series.start is None else to_ist(series.start).isoformat(),
        "to": None if series.end is None else to_ist(series.end).isoformat(),
        "count": series.count,
        "expected": series.expected,
        "missing": [{"from": to_ist(each.start), "to": to_ist(each.end)} for each in series.missing],
        "problem": series.problem,
        "sources": [{"source": share.source.value, "candles": share.candles} for share in series.sources],
        "candles": [_record(bar) for bar in series.candles],
    }
    return orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE).decode()


def candle_table(series: CandleSeries) -> Table:
    """The bars for a person."""
    table = Table(title=f"{series.instrument.id} {series.interval} {_source(series)}")
    table.add_column("opens (IST)", no_wrap=True)
    for name in NUMBERS:
        table.add_column(name, justify="right")
    table.add_column("state")
    shape = "%Y-%m-%d %H:%M" if series.interval.minutes is not None else "%Y-%m-%d"
    for bar in series.candles:
        prices = (f"{price:,.2f}" for price in (bar.open, bar.high, bar.low, bar.close))
        table.add_row(f"{to_ist(bar.time):{shape}}", *prices, f"{bar.volume:,}", bar.state.value)
    return table


def _record(bar: Candle) -> dict[str, object]:
    return {
        "time": to_ist(bar.time),
        "epochSeconds": bar.epoch_seconds,
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": bar.volume,
        "openInterest": bar.open_interest,
        "state": bar.state.value,
    }


def _source(series: CandleSeries) -> str:
    return "+".join(share.source.value for share in series.sources)
