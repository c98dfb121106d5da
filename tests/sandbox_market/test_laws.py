"""The laws of the simulated market: history and ticks agree, exactly, whatever is asked first."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.calendar import always_open_calendar
from app.domain.time import IST
from app.sandbox.columns import INTERVALS
from app.sandbox.market import Bar, SimulatedMarket, Snapshot

from .conftest import SEED, TODAY

KEYS = (
    "NSE:INFY",
    "NSE:IDEA",
    "NSE:NIFTYBEES",
    "NSE:NIFTY 50",
    "NSE:INDIA VIX",
    "NSEIX:GIFT NIFTY",
    "BSE:RELIANCE",
    "BSE:SENSEX",
    "NFO:NIFTY26NOVFUT",
    "NFO:M&M26DECFUT",
    "NFO:NIFTY26NOV{atm}CE",
    "NFO:NIFTY26NOV{atm}PE",
    "NFO:NIFTY26NOV{low}PE",
    "NFO:NIFTY26D01{low}CE",
    "MCX:CRUDEOIL26DECFUT",
    "CDS:USDINR26NOVFUT",
)
EXAMPLES = 25
keys = st.sampled_from(KEYS)
instants = st.datetimes(datetime(2026, 8, 20), datetime(2026, 11, 24)).map(lambda at: at.replace(tzinfo=IST))  # noqa: DTZ001  given IST in the map
intervals = st.sampled_from([name for name, minutes in INTERVALS.items() if minutes and minutes > 1])


@pytest.fixture(scope="session", params=["always open", "as the exchanges"])
def either(request: pytest.FixtureRequest, market: SimulatedMarket, nse_market: SimulatedMarket) -> SimulatedMarket:
    return market if request.param == "always open" else nse_market


def token_of(market: SimulatedMarket, key: str) -> int:
    """The token of a key; {atm} and {low} stand for strikes of the chain on the NIFTY."""
    if "{" in key:
        chain = sorted(
            row.instrument.strike or 0
            for row in market.listed
            if row.instrument.symbol.startswith("NIFTY26NOV") and row.instrument_type == "CE"
        )
        key = key.format(atm=f"{chain[len(chain) // 2]:g}", low=f"{chain[3]:g}")
    token = market.by_key[key].instrument.instrument_token
    assert token is not None
    return token


def merged(bars: Iterable[Bar]) -> Bar:
    """One bar of several."""
    bars = list(bars)
    return Bar(
        time=bars[0].time,
        open=bars[0].open,
        high=max(bar.high for bar in bars),
        low=min(bar.low for bar in bars),
        close=bars[-1].close,
        volume=sum(bar.volume for bar in bars),
        oi=bars[-1].oi,
    )


def midnight(at: datetime) -> datetime:
    """The beginning of the IST day."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def snapshot(market: SimulatedMarket, token: int, at: datetime) -> Snapshot:
    """The quote of an instrument that has traded."""
    shown = market.snapshot(token, at)
    assert shown is not None
    return shown


@settings(max_examples=EXAMPLES)
@given(key=keys, now=instants)
def test_forming_candle_closes_at_the_last_price(either: SimulatedMarket, key: str, now: datetime) -> None:
    """In every interval, the newest bar's close is the snapshot's last price at the same instant."""
    token = token_of(either, key)
    shown = either.snapshot(token, now)
    for interval in INTERVALS:
        bars = either.candles(token, interval, now - timedelta(days=6), now + timedelta(days=1), now=now)
        if bars:
            assert shown is not None
            assert bars[-1].close == shown.last_price == either.last_price(token, now)
            assert bars[-1].oi == shown.oi
            assert bars[-1].time <= now


@settings(max_examples=EXAMPLES)
@given(key=keys, interval=intervals, now=instants)
def test_longer_bars_are_the_merge_of_minutes(either: SimulatedMarket, key: str, interval: str, now: datetime) -> None:
    """A bar of n minutes is the merge of the minutes from its opening to the next bar's, the forming one too."""
    token, day = token_of(either, key), midnight(now)
    minutes = either.candles(token, "minute", day, now + timedelta(minutes=1), now=now)
    bars = either.candles(token, interval, day, now + timedelta(minutes=1), now=now)
    edges = [*(bar.time for bar in bars), now + timedelta(days=1)]
    parts = [[bar for bar in minutes if left <= bar.time < right] for left, right in pairwise(edges)]
    assert [merged(part) for part in parts] == bars
    assert sum(map(len, parts)) == len(minutes)


@settings(max_examples=EXAMPLES)
@given(key=keys, now=instants)
def test_day_bar_is_the_merge_of_its_minutes_and_the_snapshot(either: SimulatedMarket, key: str, now: datetime) -> None:
    """The day's bar, its minutes, and the quote's ohlc, volume and open interest say the same."""
    token, day = token_of(either, key), midnight(now)
    bars = either.candles(token, "day", day, now + timedelta(seconds=1), now=now)
    if not bars:
        assert not either.candles(token, "minute", day, now, now=now)
        return
    minutes = either.candles(token, "minute", day, now + timedelta(minutes=1), now=now)
    shown = snapshot(either, token, now)
    assert bars == [merged(minutes)._replace(time=day)]
    assert (shown.open, shown.high, shown.low, shown.last_price) == bars[0][1:5]
    assert (shown.volume or 0) == bars[0].volume
    if shown.oi is not None:
        assert shown.oi_day_high is not None
        assert shown.oi_day_low is not None
        assert shown.oi_day_low <= min(bar.oi or 0 for bar in minutes)
        assert shown.oi_day_high >= max(bar.oi or 0 for bar in minutes)


@settings(max_examples=EXAMPLES)
@given(key=keys, now=instants)
def test_previous_close_is_the_close_of_the_session_before(either: SimulatedMarket, key: str, now: datetime) -> None:
    """What the quote calls `close` is the close of the last finished day bar before the quote's own session."""
    token = token_of(either, key)
    days = either.candles(token, "day", now - timedelta(days=15), now + timedelta(seconds=1), now=now)
    if len(days) > 1:
        assert snapshot(either, token, now).close == days[-2].close


@settings(max_examples=EXAMPLES)
@given(key=keys, at=instants, seconds=st.integers(0, 200))
def test_every_slot_lies_within_its_minute(either: SimulatedMarket, key: str, at: datetime, seconds: int) -> None:
    """No price is ever seen that the minute's bar does not cover, and the extremes are seen."""
    token, minute = token_of(either, key), at.replace(second=0, microsecond=0)
    late = minute + timedelta(days=1, seconds=seconds)
    bars = either.candles(token, "minute", minute, minute + timedelta(seconds=1), now=late)
    if not bars:
        return
    seen = [either.last_price(token, minute + timedelta(milliseconds=500 * slot)) for slot in range(120)]
    assert (seen[0], max(map(float, filter(None, seen))), seen[-1]) == (bars[0].open, bars[0].high, bars[0].close)
    assert min(map(float, filter(None, seen))) == bars[0].low


@settings(max_examples=EXAMPLES)
@given(key=keys, instants_=st.lists(instants, min_size=2, max_size=5))
def test_answers_do_not_depend_on_what_was_asked_before(
    market: SimulatedMarket, key: str, instants_: list[datetime]
) -> None:
    """A market that has been asked in any order says what it says when asked in order of time."""
    token = token_of(market, key)
    shuffled = [market.snapshot(token, at) for at in instants_]
    order = sorted(range(len(instants_)), key=lambda index: instants_[index])
    assert [shuffled[index] for index in order] == [market.snapshot(token, instants_[index]) for index in order]


def test_a_running_market_agrees_with_a_fresh_one() -> None:
    """Streaming second by second over minutes gives the same as one look at the end."""
    streaming, fresh = (SimulatedMarket(seed=SEED, calendar=always_open_calendar(), today=TODAY) for _ in range(2))
    start = datetime(2026, 11, 20, 11, 58, 30, tzinfo=IST)
    tokens = [token_of(streaming, key) for key in KEYS]
    for step in range(400):
        for token in tokens:
            last = streaming.snapshot(token, start + timedelta(milliseconds=700 * step))
        assert last is not None
    end = start + timedelta(milliseconds=700 * 399)
    assert [streaming.snapshot(token, end) for token in tokens] == [fresh.snapshot(token, end) for token in tokens]


def test_another_day_and_another_seed(market: SimulatedMarket) -> None:
    """Started on another day the same prices come out; with another seed, others."""
    at = datetime(2026, 11, 20, 10, 0, 1, tzinfo=IST)
    later = SimulatedMarket(seed=SEED, calendar=always_open_calendar(), today=date(2026, 11, 23))
    other = SimulatedMarket(seed=SEED + 1, calendar=always_open_calendar(), today=TODAY)
    everything = [token for token in market.by_token if token in later.by_token]
    assert len(everything) > 2500
    both = everything[::10]
    assert [market.snapshot(token, at) for token in both] == [later.snapshot(token, at) for token in both]
    assert all(market.by_token[token].instrument == later.by_token[token].instrument for token in everything)
    shares = [token_of(market, key) for key in ("NSE:INFY", "NSE:TCS", "NSE:NIFTY 50")]
    assert all(market.last_price(token, at) != other.last_price(token, at) for token in shares)


@settings(max_examples=EXAMPLES)
@given(key=keys, at=instants)
def test_price_stands_still_out_of_hours(nse_market: SimulatedMarket, key: str, at: datetime) -> None:
    """While an instrument does not trade its whole quote stays as the session left it."""
    token = token_of(nse_market, key)
    if nse_market.is_trading(token, at) or nse_market.snapshot(token, at) is None:
        return
    shown = snapshot(nse_market, token, at)
    assert shown.exchange_time <= at
    assert shown == nse_market.snapshot(token, shown.exchange_time)
    assert not nse_market.is_trading(token, shown.exchange_time)
    assert nse_market.is_trading(token, shown.exchange_time - timedelta(seconds=1))
