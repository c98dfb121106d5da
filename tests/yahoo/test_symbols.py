"""Our ids to Yahoo's symbols and back."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidInput, NotSupported
from app.domain.instruments import NO_CURRENCY, Exchange, InstrumentKind, parse_instrument_id
from app.providers.yahoo.known import INDICES, KNOWN
from app.providers.yahoo.limits import MAX_SYMBOLS, MAX_URL_BYTES
from app.providers.yahoo.symbols import (
    SERIES,
    by_symbol,
    cut_to_requests,
    from_yahoo_symbol,
    in_path,
    to_yahoo_symbol,
    yahoo_instrument,
)
from tests.yahoo.samples import FUTURE, INFY, NIFTY, instrument

BARE = st.from_regex(r"[A-Z0-9][A-Z0-9&-]{0,18}", fullmatch=True).filter(lambda text: not SERIES.search(text))


@pytest.mark.parametrize(
    ("instrument_id", "symbol"),
    [
        ("NSE:INFY", "INFY.NS"),
        ("NSE:BAJAJ-AUTO", "BAJAJ-AUTO.NS"),
        ("NSE:MCDOWELL-N", "MCDOWELL-N.NS"),
        ("NSE:M&M", "M&M.NS"),
        ("NSE:ABAN-BE", "ABAN.NS"),
        ("NSE:AARON-SM", "AARON.NS"),
        ("BSE:500209", "500209.BO"),
        ("NSE:NIFTY 50", "^NSEI"),
        ("BSE:SENSEX", "^BSESN"),
        ("YAHOO:^GSPC", "^GSPC"),
        ("YAHOO:INR=X", "INR=X"),
    ],
)
def test_an_instrument_has_yahoos_symbol(instrument_id: str, symbol: str):
    """Series are Kite's alone."""
    assert to_yahoo_symbol(instrument(instrument_id)) == symbol


@pytest.mark.parametrize("exchange", [Exchange.NSE, Exchange.BSE])
@given(symbol=BARE)
def test_a_share_comes_back_as_itself(exchange: Exchange, symbol: str):
    """What Yahoo calls it leads to the same id."""
    share = instrument(f"{exchange}:{symbol}")
    assert from_yahoo_symbol(to_yahoo_symbol(share)) == share.id


@pytest.mark.parametrize("instrument_id", INDICES)
def test_an_index_comes_back_as_itself(instrument_id: str):
    """The table is one to one, and its ids are ids."""
    index = instrument(instrument_id, InstrumentKind.INDEX)
    assert from_yahoo_symbol(to_yahoo_symbol(index)) == index.id
    assert parse_instrument_id(instrument_id)[0] in {Exchange.NSE, Exchange.BSE}


@given(symbol=st.from_regex(r"[A-Z0-9^][A-Z0-9.=^-]{0,20}", fullmatch=True))
def test_a_symbol_of_yahoos_own_passes_through(symbol: str):
    """Whatever its form."""
    assert to_yahoo_symbol(yahoo_instrument(symbol)) == symbol


@pytest.mark.parametrize(
    ("symbol", "kind", "currency"),
    [
        ("^GSPC", InstrumentKind.INDEX, "USD"),
        ("^N225", InstrumentKind.INDEX, "JPY"),
        ("^NSEI", InstrumentKind.INDEX, "INR"),
        ("000001.SS", InstrumentKind.INDEX, "CNY"),
        ("INR=X", InstrumentKind.CURRENCY, "INR"),
        ("EURUSD=X", InstrumentKind.CURRENCY, "USD"),
        ("JPY=X", InstrumentKind.CURRENCY, "JPY"),
        ("GC=F", InstrumentKind.COMMODITY, "USD"),
        ("BTC-USD", InstrumentKind.CRYPTO, "USD"),
        ("BTC-INR", InstrumentKind.CRYPTO, "INR"),
        ("VOD.L", InstrumentKind.EQUITY, "GBP"),
        ("BRK-B", InstrumentKind.EQUITY, "USD"),
        ("AAPL", InstrumentKind.EQUITY, "USD"),
        ("INFY.NS", InstrumentKind.EQUITY, "INR"),
        ("^BVSP", InstrumentKind.INDEX, "BRL"),
        ("^STI", InstrumentKind.INDEX, "SGD"),
        ("^GSPTSE", InstrumentKind.INDEX, "CAD"),
        ("^SSMI", InstrumentKind.INDEX, "CHF"),
        ("^IBEX", InstrumentKind.INDEX, "EUR"),
        ("^CNXFIN", InstrumentKind.INDEX, "INR"),
        ("^TASI.SR", InstrumentKind.INDEX, "SAR"),
        ("^UNHEARD", InstrumentKind.INDEX, NO_CURRENCY),
        ("2222.SR", InstrumentKind.EQUITY, "SAR"),
        ("THYAO.IS", InstrumentKind.EQUITY, "TRY"),
        ("CDR.WA", InstrumentKind.EQUITY, "PLN"),
        ("OPAP.AT", InstrumentKind.EQUITY, "EUR"),
        ("SHARE.ZZ", InstrumentKind.EQUITY, NO_CURRENCY),
        ("BTC-CAD", InstrumentKind.CRYPTO, "CAD"),
        ("X=X", InstrumentKind.CURRENCY, NO_CURRENCY),
        ("ABCD=X", InstrumentKind.CURRENCY, NO_CURRENCY),
    ],
)
def test_kind_and_currency_follow_from_table_or_form(symbol: str, kind: InstrumentKind, currency: str):
    """Nothing is asked of Yahoo."""
    made = yahoo_instrument(symbol)
    assert (made.id, made.exchange, made.kind, made.currency) == (f"YAHOO:{symbol}", Exchange.YAHOO, kind, currency)


@pytest.mark.parametrize("symbol", ["", "A,B", "../v7", "a", "A B", "A/B", "A?x=1", "=X", "A" * 40, "É", "A\n"])
def test_what_cannot_be_a_symbol_is_the_callers_mistake(symbol: str):
    """It would change the request."""
    with pytest.raises(InvalidInput):
        yahoo_instrument(symbol)
    with pytest.raises(InvalidInput):
        from_yahoo_symbol(symbol)


@pytest.mark.parametrize(
    "one",
    [FUTURE, instrument("MCX:GOLD"), instrument("NSE:NIFTY UNHEARD", InstrumentKind.INDEX), instrument("NSE:A B")],
)
def test_what_yahoo_does_not_have_is_not_supported(one):
    """Derivatives, and indices that are not in the table."""
    with pytest.raises(NotSupported):
        to_yahoo_symbol(one)


def test_an_ampersand_is_escaped_in_a_path():
    """A raw one would end it in some proxies."""
    assert (in_path("M&M.NS"), in_path("^NSEI")) == ("M%26M.NS", "%5ENSEI")


def test_two_ids_may_share_a_symbol():
    """It is asked once."""
    asked, without = by_symbol([NIFTY, yahoo_instrument("^NSEI"), INFY, replace(INFY), FUTURE])
    assert {symbol: [one.id for one in behind] for symbol, behind in asked.items()} == {
        "^NSEI": ["NSE:NIFTY 50", "YAHOO:^NSEI"],
        "INFY.NS": ["NSE:INFY"],
    }
    assert list(without) == [FUTURE.id]


@given(st.lists(BARE, unique=True, max_size=300))
def test_requests_hold_every_symbol_once_within_the_limits(symbols: list[str]):
    """In order."""
    requests = list(cut_to_requests(symbols))
    assert [symbol for request in requests for symbol in request] == symbols
    assert all(len(request) <= MAX_SYMBOLS and len(",".join(request)) < MAX_URL_BYTES for request in requests)


def test_the_tables_hold_possible_symbols_alone():
    """And world symbols know their own currency."""
    for symbol in (*KNOWN, *INDICES.values()):
        assert yahoo_instrument(symbol).currency.isalpha()
