"""How intervals and instants are written on a command line, and candles on the way out."""

import csv
import io
from datetime import timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from app.commands.candle_texts import COLUMNS, candle_table, csv_text, json_text
from app.commands.spellings import INTERVALS, SPELLINGS, parse_instant, parse_interval
from app.domain.candles import Candle, CandleRange, CandleSeries, CandleState, Interval, SourceShare
from app.domain.provenance import DataSource
from tests.services.fakes import MONDAY_NOON, an_instrument

MINUTE = timedelta(minutes=1)
BARS = (
    Candle(MONDAY_NOON, 1450.2, 1450.65, 1445.4, 1446.0, 47_289, open_interest=0),
    Candle(MONDAY_NOON + MINUTE, 1446.0, 1446.0, 1446.0, 1446.0, 0, state=CandleState.FORMING),
)
SERIES = CandleSeries(
    instrument=an_instrument("NSE:M&M"),
    interval=Interval.MINUTE,
    start=MONDAY_NOON,
    end=MONDAY_NOON + 3 * MINUTE,
    candles=BARS,
    sources=(SourceShare(DataSource.SANDBOX, 2),),
    upstream_calls=1,
    expected=3,
    missing=(CandleRange(MONDAY_NOON + 2 * MINUTE, MONDAY_NOON + 3 * MINUTE),),
)


def test_every_interval_has_a_word_and_every_told_word_works() -> None:
    """And GraphQL's names work too, whatever their case."""
    assert set(INTERVALS.values()) == set(Interval)
    assert {parse_interval(word) for part in SPELLINGS.split(", ") for word in part.split(" or ")} == set(Interval)
    assert {parse_interval(each.value.lower()) for each in Interval} == set(Interval)
    assert (parse_interval("5m"), parse_interval("1H"), parse_interval("Day")) == (
        Interval.MINUTE_5,
        Interval.HOUR,
        Interval.DAY,
    )
    with pytest.raises(ValueError, match="--interval 7m: write minute or 1m, 3m"):
        parse_interval("7m")


def test_a_date_is_indias_midnight() -> None:
    """An offset is kept where there is one; anything else says how to write it."""
    assert parse_instant("--from", "2015-01-31").isoformat() == "2015-01-31T00:00:00+05:30"
    assert parse_instant("--from", "2015-01-31T09:15").isoformat() == "2015-01-31T09:15:00+05:30"
    assert parse_instant("--from", "2015-01-31T09:15Z").isoformat() == "2015-01-31T09:15:00+00:00"
    with pytest.raises(ValueError, match="--to yesterday: write a date as 2015-01-31"):
        parse_instant("--to", "yesterday")


@given(st.text(max_size=30))
def test_an_instant_is_aware_or_an_error(text: str) -> None:
    """Nothing else comes of any text."""
    try:
        assert parse_instant("--from", text).tzinfo is not None
    except ValueError as error:
        assert "write a date" in str(error)  # noqa: PT017 - both outcomes are right


def test_csv_says_whose_data_it_is_on_every_line() -> None:
    """Simulated prices in a spreadsheet must not look real. Prices stand as the exchange printed them."""
    header, first, second = csv.reader(io.StringIO(csv_text(SERIES)))
    assert tuple(header) == COLUMNS
    assert first == [
        "2026-11-23T12:00:00+05:30", "1450.2", "1450.65", "1445.4", "1446.0", "47289", "0", "FINAL", "SANDBOX"
    ]  # fmt: skip
    assert second[5:] == ["0", "", "FORMING", "SANDBOX"]


def test_json_has_the_fields_of_graphql() -> None:
    """On one line, with what is missing and why."""
    text = json_text(SERIES)
    assert text.count("\n") == 1
    found = orjson.loads(text)
    assert (found["instrument"], found["interval"], found["count"], found["expected"]) == ("NSE:M&M", "MINUTE", 2, 3)
    assert found["sources"] == [{"source": "SANDBOX", "candles": 2}]
    assert found["missing"] == [{"from": "2026-11-23T12:02:00+05:30", "to": "2026-11-23T12:03:00+05:30"}]
    assert found["candles"][0] == {
        "time": "2026-11-23T12:00:00+05:30",
        "epochSeconds": int(MONDAY_NOON.timestamp()),
        "open": 1450.2,
        "high": 1450.65,
        "low": 1445.4,
        "close": 1446.0,
        "volume": 47289,
        "openInterest": 0,
        "state": "FINAL",
    }


def test_the_table_names_the_source() -> None:
    """And shows India's time."""
    output = io.StringIO()
    Console(file=output, width=100).print(candle_table(SERIES))
    assert "NSE:M&M MINUTE SANDBOX" in output.getvalue()
    assert "2026-11-23 12:00" in output.getvalue()
