"""Yahoo's charts to candles."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.candles import Candle, CandleRange, CandleState, Interval
from app.domain.errors import MarketDataError, NotPriced
from app.domain.instruments import Instrument
from app.domain.time import ist_datetime
from app.providers.yahoo.charts import parse_candles
from app.providers.yahoo.symbols import yahoo_instrument
from tests.yahoo.samples import INFY, NOW, chart, epoch
from tests.yahoo.test_parse import GARBAGE, parse_garbage

EVER = CandleRange(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
FIVE = Interval.MINUTE_5


def bars(
    payload: object,
    interval: Interval = FIVE,
    *,
    span: CandleRange = EVER,
    now: datetime = NOW,
    instrument: Instrument = INFY,
) -> list[Candle]:
    """The candles of a payload."""
    return parse_candles(json.dumps(payload).encode(), instrument, interval, span, now=now)


def test_bars_are_the_raw_arrays_in_utc():
    """Oldest first, rounded, not the adjusted ones."""
    first, second = bars(chart([epoch(9, 15), epoch(9, 20)], close=[100.4499969482421, 100.5]))
    assert first == Candle(ist_datetime(NOW.date(), 9, 15), 100.0, 101.0, 99.0, 100.45, 10)
    assert first.time.tzinfo is UTC
    assert second.epoch_seconds == epoch(9, 20)


def test_rows_of_null_are_dropped():
    """A minute without a trade is no bar of zeros; no volume is 0."""
    found = bars(chart([epoch(9, 15), epoch(9, 20), epoch(9, 25)], open=[1.0, None, 1.0], volume=[None, None, 7]))
    assert [(bar.epoch_seconds, bar.volume) for bar in found] == [(epoch(9, 15), 0), (epoch(9, 25), 7)]


def test_the_newest_price_is_folded_into_its_bar():
    """Yahoo sends it as a row of its own, with the second of its trade."""
    times = [epoch(10, 20), epoch(10, 25), epoch(10, 29, 58)]
    found = bars(chart(times, high=[101.0, 101.0, 103.0], low=[99.0, 99.0, 98.0], close=[1, 2, 3], volume=[10, 10, 0]))
    assert [bar.epoch_seconds for bar in found] == times[:2]
    assert (found[1].high, found[1].low, found[1].close, found[1].volume) == (103.0, 98.0, 3.0, 10)


def test_the_newest_bar_forms_until_yahoo_has_seen_beyond_its_end():
    """The clock alone does not decide: Yahoo may be late."""
    payload = chart([epoch(10, 20), epoch(10, 25)], regularMarketTime=epoch(10, 29))
    at = ist_datetime(NOW.date(), 10, 31)
    assert [bar.state for bar in bars(payload, now=at)] == [CandleState.FINAL, CandleState.FORMING]
    assert bars(payload, now=at + timedelta(minutes=40))[-1].state is CandleState.FINAL
    seen = chart([epoch(10, 20), epoch(10, 25)], regularMarketTime=epoch(10, 30))
    assert bars(seen, now=at)[-1].state is CandleState.FINAL


def test_half_hours_are_joined_from_quarters_by_the_sessions_opening():
    """9:15 to 9:45: also where the span begins in the middle of one."""
    times = [epoch(9, 30), epoch(9, 45), epoch(10, 0), epoch(10, 15)]
    found = bars(chart(times, open=[1, 2, 3, 4], close=[5, 6, 7, 8], high=[9] * 4, low=[0.5] * 4), Interval.MINUTE_30)
    assert [(bar.epoch_seconds, bar.open, bar.close, bar.volume) for bar in found] == [
        (epoch(9, 15), 1.0, 5.0, 10),
        (epoch(9, 45), 2.0, 7.0, 20),
        (epoch(10, 15), 4.0, 8.0, 10),
    ]


def test_a_day_is_stamped_with_its_midnight_in_india():
    """As the store does; the newest row of the same day is folded into it."""
    yesterday = int(ist_datetime(NOW.date() - timedelta(days=3), 9, 15).timestamp())
    found = bars(chart([yesterday, epoch(9, 15), epoch(10, 29, 58)], volume=[10, 10, 12]), Interval.DAY)
    assert [bar.time for bar in found] == [
        ist_datetime(NOW.date() - timedelta(days=3)),
        ist_datetime(NOW.date()),
    ]
    assert [bar.state for bar in found] == [CandleState.FINAL, CandleState.FORMING]
    assert found[1].volume == 12


def test_a_day_in_new_york_is_its_own_date():
    """Which begins in India in the evening, by another offset in summer."""
    opens = [datetime(2026, 7, 1, 13, 30, tzinfo=UTC), datetime(2026, 11, 20, 14, 30, tzinfo=UTC)]
    payload = chart(
        [int(open_.timestamp()) for open_ in opens],
        currency="USD",
        exchangeTimezoneName="America/New_York",
        gmtoffset=-18000,
    )
    found = bars(payload, Interval.DAY, instrument=yahoo_instrument("^GSPC"))
    assert [bar.time for bar in found] == [ist_datetime(open_.date()) for open_ in opens]


def test_only_bars_of_the_half_open_span_are_given():
    """Yahoo adds the newest price whatever was asked."""
    span = CandleRange(ist_datetime(NOW.date(), 9, 20), ist_datetime(NOW.date(), 9, 25))
    found = bars(chart([epoch(9, 15), epoch(9, 20), epoch(9, 25)]), span=span)
    assert [bar.epoch_seconds for bar in found] == [epoch(9, 20)]


def test_a_chart_without_bars_is_empty():
    """Yahoo leaves the arrays out."""
    empty = chart([])
    empty["chart"]["result"][0] |= {"indicators": {"quote": [{}]}}  # type: ignore[index]  # a literal
    del empty["chart"]["result"][0]["timestamp"]  # type: ignore[index]  # a literal
    assert bars(empty) == []
    assert bars({"chart": {"result": [], "error": None}}) == []


def test_another_currency_and_an_unknown_symbol_have_no_bars():
    """Each says why."""
    with pytest.raises(NotPriced, match="USD"):
        bars(chart([epoch(9, 15)], currency="USD"))
    with pytest.raises(NotPriced, match="delisted"):
        bars({"chart": {"result": None, "error": {"code": "Not Found", "description": "No data found"}}})


META = ("currency", "exchangeTimezoneName", "gmtoffset", "priceHint", "currentTradingPeriod", "regularMarketTime")
TIMES = st.integers(epoch(9, 0), epoch(16, 0))
SPOILT = st.dictionaries(st.sampled_from([*META, "open", "close", "volume"]), GARBAGE, max_size=2)


@pytest.mark.parametrize("interval", [Interval.MINUTE, Interval.MINUTE_30, Interval.HOUR, Interval.DAY])
@given(times=st.lists(TIMES | GARBAGE, max_size=4) | st.lists(TIMES, max_size=6), spoilt=SPOILT)
def test_a_chart_of_garbage_is_candles_or_malformed(interval: Interval, times: Any, spoilt: Any):
    """Total, in each part; and what comes out is sorted and unique."""
    found = parse_garbage(lambda: bars(chart(times, **spoilt), interval))
    if found is not None:
        assert [bar.time for bar in found] == sorted({bar.time for bar in found})


@given(GARBAGE)
def test_an_answer_of_garbage_is_malformed(value: object):
    """In each layer."""
    for payload in (value, {"chart": value}, {"chart": {"result": value}}, {"chart": {"result": [value]}}):
        try:
            bars(payload)
        except MarketDataError as error:
            assert error.message  # noqa: PT017 -- an error of our tree is one of two good ends
