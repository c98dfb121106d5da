"""The universe and its masters."""

import csv
import io
import subprocess
import sys
from collections import Counter
from datetime import date, datetime, timedelta

import pytest

from app.domain.candles import CandleRange
from app.domain.instruments import Exchange, Instrument, InstrumentKind
from app.domain.time import IST
from app.providers.kite.instruments_csv import parse_dump
from app.sandbox.expiries import monthly_expiries, option_symbol, weekly_expiries
from app.sandbox.market import SimulatedMarket
from app.sandbox.master import large_master_csv, master_csv
from app.sandbox.names import NIFTY_50
from app.sandbox.tokens import SEGMENTS
from app.sandbox.universe import NEVER_TRADED, build_universe

from .conftest import SEED, TODAY

REAL_TOKENS = {
    "NSE:INFY": 408065,
    "NSE:RELIANCE": 738561,
    "NSE:HDFCBANK": 341249,
    "NSE:ICICIBANK": 1270529,
    "NSE:TCS": 2953217,
    "NSE:SBIN": 779521,
    "NSE:ITC": 424961,
    "NSE:NIFTY 50": 256265,
    "NSE:NIFTY BANK": 260105,
    "NSE:INDIA VIX": 264969,
    "BSE:SENSEX": 265,
    "BSE:INFY": 128053508,
}


def test_there_are_instruments_of_every_kind(market: SimulatedMarket) -> None:
    """At least 2,000, no more than one socket carries, with the names that people look for."""
    kinds = Counter(row.instrument.kind for row in market.listed)
    exchanges = Counter(row.instrument.exchange for row in market.listed)
    assert 2_000 <= len(market.listed) <= 3_000
    assert set(kinds) >= {
        InstrumentKind.EQUITY, InstrumentKind.ETF, InstrumentKind.INDEX, InstrumentKind.FUTURE, InstrumentKind.CALL,
        InstrumentKind.PUT, InstrumentKind.OTHER,
    }  # fmt: skip
    assert set(exchanges) == {
        Exchange.NSE, Exchange.BSE, Exchange.NFO, Exchange.BFO, Exchange.MCX, Exchange.CDS, Exchange.NSEIX,
    }  # fmt: skip
    assert len(NIFTY_50) == 50
    for key in ("NSE:M&M", "NSE:BAJAJ-AUTO", "NSE:ETERNAL", "NSE:NIFTY FIN SERVICE", "BSE:RELIANCE", "NSE:NIFTYBEES"):
        assert key in market.by_key


def test_tokens_are_real_unique_and_tell_their_exchange(market: SimulatedMarket) -> None:
    """Known instruments have their real tokens; the last byte is the segment; all fit a signed 32-bit number."""
    assert {key: market.by_key[key].instrument.instrument_token for key in REAL_TOKENS} == REAL_TOKENS
    assert len(market.by_token) == len(market.by_key) == len(market.listed)
    for row in market.listed:
        instrument = row.instrument
        assert instrument.instrument_token is not None
        assert instrument.exchange_token is not None
        segment = SEGMENTS["INDICES" if instrument.segment == "INDICES" else instrument.exchange]
        assert instrument.instrument_token == instrument.exchange_token * 256 + segment < 2**31


def test_derivatives_know_their_underlying(market: SimulatedMarket) -> None:
    """Underlyings are listed and marked; shares that nothing is written on are not."""
    underlyings = {row.instrument.underlying_id for row in market.listed} - {None}
    marked = {row.instrument.id for row in market.listed if row.has_derivatives}
    assert underlyings == marked
    assert {"NSE:NIFTY 50", "NSE:NIFTY BANK", "NSE:INFY", "BSE:SENSEX"} <= marked
    assert "NSE:NIFTYBEES" not in marked


@pytest.mark.parametrize("offset", range(0, 400, 13))
def test_universe_of_any_day_is_unique_and_has_three_futures(offset: int) -> None:
    """Tokens and ids never clash, whatever the day; contracts never are expired."""
    today = TODAY + timedelta(days=offset)
    universe = build_universe(seed=SEED, today=today)
    assert len({row.instrument.instrument_token for row in universe}) == len(universe)
    assert len({row.instrument.id for row in universe}) == len(universe)
    assert all(row.instrument.expiry is None or row.instrument.expiry >= today for row in universe)
    futures = Counter(row.instrument.name for row in universe if row.instrument.kind is InstrumentKind.FUTURE)
    assert set(futures.values()) == {3}
    assert all(row.base_price > 0 for row in universe)


def test_symbols_of_weekly_and_monthly_options() -> None:
    """Weekly ones have one character for the month, monthly ones its name."""
    assert option_symbol("NIFTY", date(2026, 11, 17), 24500.0, "CE", monthly=False) == "NIFTY26N1724500CE"
    assert option_symbol("NIFTY", date(2026, 10, 6), 25100.0, "CE", monthly=False) == "NIFTY26O0625100CE"
    assert option_symbol("NIFTY", date(2026, 9, 22), 23350.0, "CE", monthly=False) == "NIFTY2692223350CE"
    assert option_symbol("NIFTY", date(2026, 11, 24), 24500.0, "PE", monthly=True) == "NIFTY26NOV24500PE"
    assert option_symbol("IDEA", date(2026, 9, 29), 8.5, "PE", monthly=True) == "IDEA26SEP8.5PE"


def test_expiries_move_to_the_trading_day_before_a_holiday() -> None:
    """The last Tuesday of November 2026 is a holiday: the contracts end on Monday, and Tuesday has next week's."""

    def trades(day: date) -> bool:
        return day != date(2026, 11, 24)

    assert monthly_expiries(TODAY, weekday=1, count=2, trades=trades) == [date(2026, 11, 23), date(2026, 12, 29)]
    assert weekly_expiries(date(2026, 11, 24), weekday=1, count=2, trades=trades) == [
        date(2026, 12, 1),
        date(2026, 12, 8),
    ]


def test_expiries_follow_the_calendar_of_the_market(nse_market: SimulatedMarket, market: SimulatedMarket) -> None:
    """With the exchanges' calendar the holiday counts, around the clock it does not; the token is the same."""
    moved, kept = (source.by_key["NFO:NIFTY26NOVFUT"].instrument for source in (nse_market, market))
    assert (moved.expiry, kept.expiry) == (date(2026, 11, 23), date(2026, 11, 24))
    assert moved.instrument_token == kept.instrument_token


def test_the_bond_that_never_traded_has_no_quote_and_no_candle(market: SimulatedMarket) -> None:
    """It is in the master alone."""
    token = market.by_key[NEVER_TRADED].instrument.instrument_token or 0
    now = datetime(2026, 11, 20, 12, 0, tzinfo=IST)
    assert market.snapshot(token, now) is None
    assert market.last_price(token, now) is None
    assert not market.is_trading(token, now)
    assert market.candles(token, "day", now - timedelta(days=100), now, now=now) == []


def test_an_expired_contract_stands_still(market: SimulatedMarket) -> None:
    """After the day of expiry its last quote stays and its history ends; before its listing there is none."""
    token = market.by_key["NFO:NIFTY26NOVFUT"].instrument.instrument_token or 0
    end, later = datetime(2026, 11, 25, tzinfo=IST), datetime(2026, 12, 4, 3, 2, 1, tzinfo=IST)
    assert market.snapshot(token, end) == market.snapshot(token, later)
    assert not market.is_trading(token, end)
    bars = market.candles(token, "day", later - timedelta(days=300), later, now=later)
    assert (bars[0].time, bars[-1].time) == (datetime(2026, 8, 16, tzinfo=IST), datetime(2026, 11, 24, tzinfo=IST))


def test_unknown_tokens_and_intervals_are_refused(market: SimulatedMarket) -> None:
    """KeyError for a token, ValueError for an interval or an instant without a zone."""
    now = datetime(2026, 11, 20, 12, 0, tzinfo=IST)
    with pytest.raises(KeyError):
        market.snapshot(1, now)
    with pytest.raises(ValueError, match="not an interval"):
        market.candles(408065, "week", now, now, now=now)
    with pytest.raises(ValueError, match="no time zone"):
        market.snapshot(408065, now.replace(tzinfo=None))


def test_candles_of_an_empty_or_future_range(market: SimulatedMarket) -> None:
    """Nothing, not an error."""
    now = datetime(2026, 11, 20, 12, 0, tzinfo=IST)
    for interval in ("minute", "60minute", "day"):
        assert market.candles(408065, interval, now, now, now=now) == []
        assert market.candles(408065, interval, now + timedelta(days=2), now + timedelta(days=3), now=now) == []


def test_a_calendar_without_any_trading_has_no_quotes() -> None:
    """Not even an old one."""

    class NeverOpen:
        def trading_spans(self, instrument: Instrument, day: date, *, has_derivatives: bool) -> tuple[CandleRange, ...]:
            return ()

    market = SimulatedMarket(seed=SEED, calendar=NeverOpen(), today=TODAY)
    now = datetime(2026, 11, 20, 12, 0, tzinfo=IST)
    assert market.snapshot(408065, now) is None
    assert market.candles(408065, "minute", now - timedelta(days=5), now, now=now) == []


def test_bars_of_an_ordinary_session_begin_at_0915(nse_market: SimulatedMarket) -> None:
    """375 minutes, and hours from 09:15 on with a short last one; a share with derivatives stops at 15:15."""
    day, now = datetime(2026, 11, 19, tzinfo=IST), datetime(2026, 11, 19, 20, 0, tzinfo=IST)
    hours = nse_market.candles(256265, "60minute", day, now, now=now)
    assert [f"{bar.time:%H:%M}" for bar in hours] == ["09:15", "10:15", "11:15", "12:15", "13:15", "14:15", "15:15"]
    assert len(nse_market.candles(256265, "minute", day, now, now=now)) == 375
    assert f"{nse_market.candles(408065, 'minute', day, now, now=now)[-1].time:%H:%M}" == "15:14"


def test_master_reads_back_row_by_row(market: SimulatedMarket) -> None:
    """Kite's columns and quirks, through the standard reader."""
    text = master_csv(market.listed).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(market.listed)
    for row, listed in zip(rows, market.listed, strict=True):
        instrument = listed.instrument
        assert len(row) == 12
        assert f"{row['exchange']}:{row['tradingsymbol']}" == instrument.id
        assert int(row["instrument_token"]) == instrument.instrument_token
        assert (row["name"] or None) == instrument.name
        assert float(row["tick_size"]) == (instrument.tick_size or 0)
        assert float(row["strike"]) == (instrument.strike or 0)
        assert int(row["lot_size"]) == (instrument.lot_size or 0)
        assert row["expiry"] == (instrument.expiry.isoformat() if instrument.expiry else "")
        assert (row["instrument_type"], row["last_price"]) == (listed.instrument_type, "0")
    assert '256265,1001,NIFTY 50,"NIFTY 50",0,,0,0,0,EQ,INDICES,NSE' in text.splitlines()


def test_the_service_reads_the_same_instruments_from_the_master(market: SimulatedMarket) -> None:
    """What the Kite provider parses is what the sandbox simulates, field by field."""
    dump = parse_dump(master_csv(market.listed))
    assert dump.skipped_rows == 0
    assert list(dump.instruments) == [row.instrument for row in market.listed]


def test_large_master_has_130000_different_rows() -> None:
    """Of all exchanges, with the traps; the universe stands first; every row can be read."""
    raw = large_master_csv(seed=SEED, today=TODAY)
    rows = list(csv.DictReader(io.StringIO(raw.decode())))
    assert len(rows) == 130_000
    assert len({row["instrument_token"] for row in rows}) == 130_000
    assert len({(row["exchange"], row["tradingsymbol"]) for row in rows}) == 130_000
    assert {row["exchange"] for row in rows} == {exchange.value for exchange in Exchange} - {"YAHOO"}
    on_both = {row["tradingsymbol"] for row in rows if row["exchange"] == "NSE"} & {
        row["tradingsymbol"] for row in rows if row["exchange"] == "BSE"
    }
    assert len(on_both) > 1_500
    for suffix in ("-BE", "-SM", "-ST", "-SG", "-TB", "-GB", "-RE-BE"):
        assert any(row["tradingsymbol"].endswith(suffix) for row in rows), suffix
    assert any("&" in row["tradingsymbol"] for row in rows)
    assert any("," in row["name"] for row in rows)
    assert any(not row["name"] for row in rows)
    dump = parse_dump(raw)
    assert (len(dump.instruments), dump.skipped_rows) == (130_000, 0)


def test_large_master_of_any_size() -> None:
    """Exactly as many rows as asked for."""
    for rows in (0, 10, 5_000):
        assert len(large_master_csv(seed=SEED, rows=rows, today=TODAY).splitlines()) == rows + 1


def test_another_process_says_the_same(market: SimulatedMarket) -> None:
    """Hash randomisation and start-up order change nothing."""
    script = (
        "from datetime import date, datetime\n"
        "from app.domain.calendar import always_open_calendar\n"
        "from app.domain.time import IST\n"
        "from app.sandbox.market import SimulatedMarket\n"
        "from app.sandbox.master import master_csv\n"
        f"market = SimulatedMarket(seed={SEED}, calendar=always_open_calendar(), today=date(2026, 11, 20))\n"
        "now = datetime(2026, 11, 20, 12, 0, 31, tzinfo=IST)\n"
        "from hashlib import sha256\n"
        "print(sha256(master_csv(market.listed)).hexdigest())\n"
        "print([market.snapshot(token, now) for token in list(market.by_token)[::50]])\n"
    )
    answers = [
        subprocess.run(  # noqa: S603 - this interpreter, a fixed script
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    now = datetime(2026, 11, 20, 12, 0, 31, tzinfo=IST)
    assert answers[0] == answers[1]
    assert answers[0].splitlines()[1] == str([market.snapshot(token, now) for token in list(market.by_token)[::50]])
