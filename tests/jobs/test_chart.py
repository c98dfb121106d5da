"""The chart in the terminal: pictures of bars, and updates that become bars."""

import io
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from app.domain.time import IST
from tests.support.service import running_pair
from tools.chart import BARS, GLYPHS, HEIGHT, VOLUME_HEIGHT, Bar, Chart, column, draw, take

OPENING = datetime(2026, 11, 23, 9, 15, tzinfo=IST)
PRICES = st.integers(1, 10_000_000).map(lambda paise: paise / 100)


@st.composite
def bars(draw_from: st.DrawFn) -> list[dict[str, Any]]:
    """Some bars of one series, as GraphQL sends them."""
    found = []
    for number in range(draw_from(st.integers(1, BARS))):
        low, one, other, high = sorted(draw_from(st.tuples(PRICES, PRICES, PRICES, PRICES)))
        opens, closes = (one, other) if draw_from(st.booleans()) else (other, one)
        found.append(sent(number, opens, high, low, closes, volume=draw_from(st.integers(0, 10**9))))
    return found


def sent(  # noqa: PLR0913 - the fields of a bar
    number: int, opens: float, high: float, low: float, closes: float, *, volume: int = 10, state: str = "FINAL"
) -> dict[str, Any]:
    """The bar of a minute after the opening."""
    time = OPENING + timedelta(minutes=number)
    prices = {"open": opens, "high": high, "low": low, "close": closes}
    return {
        "epochSeconds": int(time.timestamp()),
        "time": time.isoformat(),
        **prices,
        "volume": volume,
        "state": state,
    }


def update(*found: dict[str, Any]) -> dict[str, Any]:
    """A message of the subscription."""
    series = {"candles": list(found), "sources": [{"source": "SANDBOX"}]}
    return {"type": "next", "id": "chart", "payload": {"data": {"candles": series}}}


@settings(max_examples=40)
@given(bars())
def test_every_series_fits_into_the_frame(found: list[dict[str, Any]]) -> None:
    """The same size whatever the prices; the highest and the lowest line have something in them."""
    chart = Chart("NSE:INFY")
    take(chart, update(*found))
    _head, *lines, times = chart.picture().plain.split("\n")
    assert len(lines) == HEIGHT + VOLUME_HEIGHT
    assert {len(line) for line in lines} == {13 + len(found)}
    assert "09:15" in times
    assert lines[HEIGHT - 1][13:].strip()
    if len({bar["high"] for bar in found} | {bar["low"] for bar in found}) > 1:
        assert lines[0][13:].strip()


@settings(max_examples=40)
@given(bars())
def test_a_column_has_wicks_outside_of_its_body(found: list[dict[str, Any]]) -> None:
    """From below: nothing, wick, body, wick, nothing, and always a body, however small."""
    low = min(bar["low"] for bar in found)
    step = (max(bar["high"] for bar in found) - low) / (2 * HEIGHT - 1) or 1.0
    for bar in found:
        one = Bar(OPENING, bar["open"], bar["high"], bar["low"], bar["close"], 0, forming=False)
        shape = column(one, low, step)
        assert len(shape) == 2 * HEIGHT
        assert "#" in shape
        assert shape.strip().strip(".") == "#" * shape.count("#")


def test_every_pair_of_halves_has_its_character() -> None:
    """No cell can surprise the picture."""
    assert {"".join(pair) for pair in product(" .#", repeat=2)} == GLYPHS.keys()
    assert len(set(GLYPHS.values())) == len(GLYPHS)


def test_a_bar_is_drawn_as_it_moved() -> None:
    """A body from open to close, thin wicks beyond."""
    chart = Chart("NSE:INFY")
    take(chart, update(sent(0, 100, 133, 100, 116), sent(1, 133, 133, 116, 116)))
    rows = [line[13:] for line in chart.picture().plain.split("\n")[1 : HEIGHT + 1]]
    assert [row[0] for row in rows] == ["│"] * 8 + ["╽"] + ["┃"] * 8
    assert [row[1] for row in rows] == ["┃"] * 9 + [" "] * 8


def test_updates_replace_the_bar_that_forms_and_the_oldest_leaves() -> None:
    """An hour is kept; whose data it is stands in the first line."""
    chart = Chart("NSE:INFY")
    assert chart.picture().plain == "NSE:INFY: no bars yet"
    take(chart, {"type": "connection_ack"})
    take(chart, update(*(sent(number, 100, 101, 99, 100) for number in range(BARS))))
    take(chart, update(sent(BARS, 100, 102, 99, 101, state="FORMING")))
    take(chart, update(sent(BARS, 100, 105, 99, 104, state="FORMING")))
    found = list(chart.bars.values())
    assert (len(found), found[0].time, found[-1].close) == (BARS, OPENING + timedelta(minutes=1), 104)
    assert chart.picture().plain.startswith("NSE:INFY  1 minute  SANDBOX  104.00  +4.00 %  10:15 forming, 3 updates")


@pytest.mark.parametrize(
    "message",
    [
        {"type": "error", "id": "chart", "payload": [{"message": "there is no instrument NSE:INFI"}]},
        {"type": "next", "id": "chart", "payload": {"errors": [{"message": "there is no instrument NSE:INFI"}]}},
    ],
    ids=["refused", "failed"],
)
def test_a_refusal_is_told(message: dict[str, Any]) -> None:
    """In the service's own words."""
    with pytest.raises(RuntimeError, match="there is no instrument NSE:INFI"):
        take(Chart("NSE:INFI"), message)


async def test_the_chart_of_a_running_service(tmp_path: Path) -> None:
    """An hour of bars and the one that forms; without a terminal the last picture is printed once."""
    output = io.StringIO()
    async with running_pair(tmp_path) as (service, _sandbox):
        chart = await draw(service.url, "NSE:INFY", Console(file=output, width=100), seconds=2)
    assert len(chart.bars) == BARS
    assert list(chart.bars.values())[-1].forming
    assert output.getvalue().count("NSE:INFY  1 minute  SANDBOX") == 1
