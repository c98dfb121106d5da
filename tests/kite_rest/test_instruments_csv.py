"""Kite's master as instruments: every trap of the real dumps, and rows that stop nothing."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import MalformedPayload
from app.domain.instruments import Exchange, Instrument, InstrumentKind, parse_instrument_id
from app.providers.kite.instruments_csv import COLUMNS, parse_dump

HEADER = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,"
    "instrument_type,segment,exchange"
)
# Rows as Kite writes them (upstream.md 6).
REAL = """\
256265,1001,NIFTY 50,NIFTY 50,0,,0,0,0,EQ,INDICES,NSE
260105,1016,NIFTY BANK,NIFTY BANK,0,,0,0,0,EQ,INDICES,NSE
265,1,SENSEX,SENSEX,0,,0,0,0,EQ,INDICES,BSE
408065,1594,INFY,INFOSYS,0,,0,0.05,1,EQ,NSE,NSE
519937,2031,M&M,"MAHINDRA & MAHINDRA",0,,0,0.05,1,EQ,NSE,NSE
4267265,16669,BAJAJ-AUTO,"BAJAJ AUTO",0,,0,0.05,1,EQ,NSE,NSE
2707457,10576,NIFTYBEES,"NIP IND ETF NIFTY BEES",0,,0,0.01,1,EQ,NSE,NSE
194685953,760492,DHARARAIL-ST,"DHARA RAIL PROJECTS",0,,0,0.05,1000,EQ,NSE,NSE
194684161,760485,925IIFL32A-N0,,0,,0,0.01,1,EQ,NSE,NSE
194688257,760501,707GJ30-SG,"SDL GJ 7.07% 2030",0,,0,0.01,100,EQ,NSE,NSE
194688513,760502,91D270326-TB,"GOI TBILL 91D-27/03/26",0,,0,0.01,100,EQ,NSE,NSE
194686977,760496,VINEET-RE-BE,VINEET LABORATORIES,0,,0,0.01,1,EQ,NSE,NSE
128083204,500325,RELIANCE,RELIANCE INDUSTRIES,0,,0,0.05,1,EQ,BSE,BSE
130048772,533096,20MICRONS,20 MICRONS LTD,0,,0,0.05,1,EQ,BSE,BSE
240000004,937501,925IIFL32A,,0,,0,0.01,1,EQ,BSE,BSE
10967554,42842,NIFTY2692223350CE,"NIFTY",0,2026-09-22,23350,0.05,65,CE,NFO-OPT,NFO
13238786,51714,INFY26SEPFUT,"INFY",0,2026-09-29,0,0.05,400,FUT,NFO-FUT,NFO
13239042,51715,GONE26SEPFUT,"GONE",0,2026-09-29,0,0.05,71475,FUT,NFO-FUT,NFO
293449733,1146288,BANKEX26JULFUT,"BANKEX",0,2026-07-30,0,0.05,30,FUT,BFO-FUT,BFO
292165381,1141271,SENSEX26JUL65000PE,"SENSEX",0,2026-07-30,65000,0.05,30,PE,BFO-OPT,BFO
31845900,124398,GOLD26NOV134300PE,"GOLD",0,2026-11-27,134300,0.5,1,PE,NCO-OPT,NCO
2694403,10525,USDINR26SEPFUT,"USDINR",0,2026-09-28,0,0.0025,1,FUT,CDS-FUT,CDS
148600327,580470,CRUDEOIL26OCT8550CE,"CRUDEOIL",0,2026-10-15,8550,0.1,1,CE,MCX-OPT,MCX
291849,1140,GIFT NIFTY,GIFT NIFTY,0,,0,0,0,EQ,INDICES,NSEIX
"""


def dump(*rows: str) -> bytes:
    """A master with these rows."""
    return "\n".join([HEADER, *rows]).encode()


def by_id(raw: bytes) -> dict[str, Instrument]:
    """Its instruments."""
    return {one.id: one for one in parse_dump(raw).instruments}


@pytest.fixture(scope="module")
def real() -> dict[str, Instrument]:
    """The real rows."""
    return by_id(dump(*REAL.splitlines()))


def test_no_real_row_is_lost(real):
    """Ids are exchange and symbol, spaces and ampersands included."""
    assert len(real) == 24
    assert all(parse_instrument_id(one.id) == (one.exchange, one.symbol) for one in real.values())
    assert parse_dump(dump(*REAL.splitlines())).skipped_rows == 0


def test_a_row_has_every_field(real):
    """Zero, which means unknown or not applicable, is None."""
    assert real["NFO:NIFTY2692223350CE"] == Instrument(
        id="NFO:NIFTY2692223350CE",
        exchange=Exchange.NFO,
        symbol="NIFTY2692223350CE",
        name="NIFTY",
        kind=InstrumentKind.CALL,
        segment="NFO-OPT",
        instrument_token=10967554,
        exchange_token=42842,
        tick_size=0.05,
        lot_size=65,
        expiry=date(2026, 9, 22),
        strike=23350.0,
        underlying_id="NSE:NIFTY 50",
        currency="INR",
    )
    index = real["NSE:NIFTY 50"]
    assert (index.tick_size, index.lot_size, index.expiry, index.strike, index.underlying_id) == (None,) * 5


@pytest.mark.parametrize(
    ("instrument_id", "kind"),
    [
        ("NSE:NIFTY 50", InstrumentKind.INDEX),
        ("BSE:SENSEX", InstrumentKind.INDEX),
        ("NSEIX:GIFT NIFTY", InstrumentKind.INDEX),
        ("NSE:INFY", InstrumentKind.EQUITY),
        ("NSE:M&M", InstrumentKind.EQUITY),
        ("NSE:BAJAJ-AUTO", InstrumentKind.EQUITY),
        ("NSE:DHARARAIL-ST", InstrumentKind.EQUITY),
        ("BSE:20MICRONS", InstrumentKind.EQUITY),
        ("NSE:NIFTYBEES", InstrumentKind.ETF),
        ("NSE:925IIFL32A-N0", InstrumentKind.OTHER),
        ("NSE:707GJ30-SG", InstrumentKind.OTHER),
        ("NSE:91D270326-TB", InstrumentKind.OTHER),
        ("NSE:VINEET-RE-BE", InstrumentKind.OTHER),
        ("BSE:925IIFL32A", InstrumentKind.OTHER),
        ("NFO:INFY26SEPFUT", InstrumentKind.FUTURE),
        ("CDS:USDINR26SEPFUT", InstrumentKind.FUTURE),
        ("NCO:GOLD26NOV134300PE", InstrumentKind.PUT),
        ("MCX:CRUDEOIL26OCT8550CE", InstrumentKind.CALL),
    ],
)
def test_kite_calls_nearly_everything_eq_and_we_do_not(real, instrument_id, kind):
    """Segment, type and series decide."""
    assert real[instrument_id].kind is kind


@pytest.mark.parametrize(
    ("contract", "underlying"),
    [
        ("NFO:INFY26SEPFUT", "NSE:INFY"),
        ("NFO:GONE26SEPFUT", None),
        ("BFO:SENSEX26JUL65000PE", "BSE:SENSEX"),
        ("BFO:BANKEX26JULFUT", None),
        ("CDS:USDINR26SEPFUT", None),
        ("MCX:CRUDEOIL26OCT8550CE", None),
    ],
)
def test_an_underlying_is_named_only_if_the_master_has_it(real, contract, underlying):
    """Never a link that leads nowhere."""
    assert real[contract].underlying_id == underlying


def test_currencies(real):
    """International exchanges quote in dollars."""
    assert (real["NSEIX:GIFT NIFTY"].currency, real["MCX:CRUDEOIL26OCT8550CE"].currency) == ("USD", "INR")


GOOD = [f"{token},1,GOOD{token},A COMPANY,0,,0,0.05,1,EQ,NSE,NSE" for token in range(1, 21)]


@pytest.mark.parametrize(
    "row",
    [
        "x,1,BAD,NAME,0,,0,0.05,1,EQ,NSE,NSE",
        "-5,1,BAD,NAME,0,,0,0.05,1,EQ,NSE,NSE",
        "1_0,1,BAD,NAME,0,,0,0.05,1,EQ,NSE,NSE",
        "4294967296,1,BAD,NAME,0,,0,0.05,1,EQ,NSE,NSE",
        ",1,BAD,NAME,0,,0,0.05,1,EQ,NSE,NSE",
        "5,1,,NAME,0,,0,0.05,1,EQ,NSE,NSE",
        "5,1, ,NAME,0,,0,0.05,1,EQ,NSE,NSE",
        "5,1,B\x00D,NAME,0,,0,0.05,1,EQ,NSE,NSE",
        "5,1,BAD,NAME,0,,0,0.05,1,EQ,NSE,MOON",
        "5,1,BAD,NAME,0,,0,nan,1,EQ,NSE,NSE",
        "5,1,BAD,NAME,0,,0,0.05,1.5,EQ,NSE,NSE",
        "5,1,BAD,NAME,0,soon,0,0.05,1,FUT,NFO-FUT,NFO",
        "5,1,BAD,NAME,0,,0,0.05,1,FUT,NFO-FUT,NFO",
        "5,1,BAD,NAME,0,2026-12-29,,0.05,1,CE,NFO-OPT,NFO",
        "5,1,BAD,NAME,0,2026-12-29,0,0.05,1,CE,NFO-OPT,NFO",
        f"5,1,{'B' * 80},NAME,0,,0,0.05,1,EQ,NSE,NSE",
        '5,1,BAD,"NAME,0,,0,0.05,1,EQ,NSE,NSE',
        "5,1,BAD",
        "5,1,GOOD7,NAME,0,,0,0.05,1,EQ,NSE,NSE",
    ],
)
def test_a_row_that_cannot_be_read_is_counted_and_stops_no_other(row):
    """Also a stray quotation mark, which would swallow the rows after it, and an id that was there before."""
    parsed = parse_dump(dump(*GOOD[:10], row, *GOOD[10:]))
    assert len(parsed.instruments) == len(GOOD)
    assert parsed.skipped_rows == 1


@pytest.mark.parametrize(
    "row",
    [
        "5,1,OK,,0,,,,,EQ,NSE,NSE",
        "5,,OK,NAME,,,,0,0,EQ,NSE,NSE\r",
        "5,INE0001,OK,NAME,0,,0,0,0,EQ,NSE,NSE,more,columns",
    ],
)
def test_blanks_are_unknown_and_not_errors(row):
    """Kite's documentation has blank strikes; its dumps have zeros."""
    one = by_id(dump(*GOOD, row))["NSE:OK"]
    assert (one.strike, one.expiry, one.tick_size, one.lot_size) == (None,) * 4
    assert by_id(dump("", *GOOD, "", row, ""))["NSE:OK"] == one


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html></html>",
        HEADER.encode(),
        HEADER.replace("strike,", "").encode() + b"\n1,2,3",
        dump(GOOD[0], "x", "y", "z"),
    ],
)
def test_what_is_no_master_is_refused_as_a_whole(raw):
    """Taking it would empty ours."""
    with pytest.raises(MalformedPayload):
        parse_dump(raw)


def test_columns_are_found_by_name():
    """Another order, or one more, changes nothing."""
    columns = ["new", *reversed(HEADER.split(","))]
    rows = [",".join(["?", *reversed(row.split(","))]) for row in GOOD]
    assert by_id("\n".join([",".join(columns), *rows]).encode()) == by_id(dump(*GOOD))
    assert set(COLUMNS) < set(columns)


def test_the_digest_tells_masters_apart():
    """Of the raw bytes."""
    assert parse_dump(dump(*GOOD)).digest == parse_dump(dump(*GOOD)).digest
    assert parse_dump(dump(*GOOD)).digest != parse_dump(dump(*GOOD[1:])).digest


cells = st.text(max_size=12) | st.sampled_from(
    ["5", "0", "-1", "1e999", "EQ", "FUT", "CE", "NSE", "NFO", "INDICES", '"']
)


@given(rows=st.lists(st.lists(cells, max_size=13).map(",".join), max_size=6), tail=st.binary(max_size=40))
def test_any_rows_after_good_ones_leave_the_good_ones(rows, tail):
    """Parsing is total, and ids stay unique."""
    parsed = parse_dump(dump(*GOOD, *rows) + b"\n" + tail)
    ids = [one.id for one in parsed.instruments]
    assert len(ids) == len(set(ids))
    assert {f"NSE:GOOD{token}" for token in range(1, 21)} <= set(ids)


@given(raw=st.binary(max_size=300))
def test_any_bytes_are_a_master_or_a_malformed_payload(raw):
    """Never another exception."""
    with pytest.raises(MalformedPayload):
        parse_dump(raw)
