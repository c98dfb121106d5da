"""Look-ups in a day's master."""

from datetime import date, timedelta
from functools import partial

import pytest

from app.domain.errors import InvalidInput, SourceUnavailable, UnknownInstrument
from app.domain.instruments import InstrumentFilter, InstrumentKind
from app.services.instruments.catalogue import InstrumentCatalogue
from tests.instruments.masters import DECEMBER, NOVEMBER, contract, large_master, listed, small_master
from tests.support.steps import within

CATALOGUE = InstrumentCatalogue(small_master(), date(2026, 11, 23))
SEARCH, NEAR_MATCH = 50_000, 1_000
"""Calls of functions; to look at each of 130,000 instruments would be more. Times are measured in bench/master.py."""


def test_an_instrument_is_found_by_its_id_alone():
    """Exactly as the exchange writes it."""
    for instrument in small_master():
        assert CATALOGUE.find(instrument.id) == instrument
    assert CATALOGUE.find("NSE:infy") is None
    assert len(CATALOGUE) == len(small_master())


def test_an_instrument_is_found_by_its_token():
    """The number of the stream."""
    assert CATALOGUE.by_token(256265) == CATALOGUE.find("NSE:NIFTY 50")
    assert CATALOGUE.by_token(1) is None


def test_of_two_with_one_token_the_later_one_counts():
    """A leftover of last month must not get the new contract's prices, in whatever order they come."""
    old, new = contract("OLD", NOVEMBER, token=9), contract("NEW", DECEMBER, token=9)
    stock = listed("STOCK", token=9)
    assert InstrumentCatalogue([old, new]).by_token(9) == InstrumentCatalogue([new, old]).by_token(9) == new
    assert InstrumentCatalogue([old, stock]).by_token(9) == InstrumentCatalogue([stock, old]).by_token(9) == stock


def test_derivatives_are_listed_under_their_underlying():
    """Futures first, then by expiry and strike."""
    found = CATALOGUE.derivatives_of("NSE:RELIANCE")
    assert CATALOGUE.has_derivatives("NSE:RELIANCE")
    assert [item.id for item in found[:3]] == [
        "NFO:RELIANCE26NOVFUT",
        "NFO:RELIANCE26DECFUT",
        "NFO:RELIANCE26NOV1200CE",
    ]
    assert len(found) == 2 + 2 * 21
    assert not CATALOGUE.has_derivatives("NSE:TCS")
    assert CATALOGUE.derivatives_of("NSE:TCS") == []


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("NFO:INFY", "did you mean NSE:INFY or BSE:INFY"),
        ("NSE:infy", "did you mean NSE:INFY or"),
        ("NSE:INFOSYS", "did you mean NSE:INFY or BSE:INFY"),
        ("NSE:INFI", "did you mean NSE:INFIBEAM or"),
        ("NSE:RELIANCEE", "did you mean NSE:RELIANCE or BSE:RELIANCE"),
        ("NFO:NIFTY26OCTFUT", "did you mean NFO:NIFTY26NOVFUT or"),
        ("NSE:QQQQ", "look it up with searchInstruments"),
        ("NSE:Q", "look it up with searchInstruments"),
    ],
)
def test_an_unknown_id_is_told_with_near_matches(wrong: str, hint: str):
    """The message names the id and what may have been meant, or where to look."""
    with pytest.raises(UnknownInstrument, match=f"^there is no instrument {wrong}; {hint}"):
        CATALOGUE.require(wrong, NOVEMBER)


@pytest.mark.parametrize("text", ["INFY", "", "NSE:", ":INFY", "nse:INFY", "NSE:\n", "NSE:" + "A" * 100])
def test_what_is_no_id_is_told_so(text: str):
    """InvalidInput, not UnknownInstrument: the caller has another mistake to mend."""
    with pytest.raises(InvalidInput):
        CATALOGUE.require(text, NOVEMBER)


def test_an_expired_contract_is_refused_with_its_date():
    """Its token may be another contract's by now; on its last day it still trades."""
    future = "NFO:INFY26NOVFUT"
    assert CATALOGUE.require(future, NOVEMBER).id == future
    with pytest.raises(UnknownInstrument, match=f"{future} expired on 2026-11-24"):
        CATALOGUE.require(future, NOVEMBER + timedelta(days=1))


def test_an_empty_catalogue_says_that_nothing_is_loaded():
    """Before the first sync no id is wrong, only early."""
    empty = InstrumentCatalogue(())
    assert not empty
    assert empty.search("infy") == []
    with pytest.raises(SourceUnavailable, match="the instrument master has not been loaded"):
        empty.require("NSE:INFY", NOVEMBER)


def test_a_search_in_a_master_of_the_real_size_looks_at_few_instruments():
    """One letter, half of the master, a chain, many words, garbage, a filter: none goes through all of them."""
    catalogue = InstrumentCatalogue(large_master())
    assert len(catalogue) == 130_000
    calls = InstrumentFilter(kinds=frozenset({InstrumentKind.CALL}), strike_from=500, expiry_from=NOVEMBER)
    full, narrow = ({text: _found(catalogue, text, each) for text in TEXTS} for each in (None, calls))
    assert full == {**dict.fromkeys(TEXTS, 100), "nifty 24500 ce": 24, "zz": 0}
    assert narrow == {**full, "fut": 0}
    assert _found(catalogue, "", calls) == 100
    for number in range(20):
        within(NEAR_MATCH, partial(_not_found, catalogue, f"NFO:NIFTY26OCT{number}CE"))


TEXTS = ("b", "limited", "ind", "fut", "nifty 24500 ce", "banknifty", "finance limited", "500", "zz", "NIFTY26D")


def _found(catalogue: InstrumentCatalogue, text: str, narrowed: InstrumentFilter | None) -> int:
    return len(within(SEARCH, lambda: catalogue.search_page(text, narrowed, first=100)).matches)


def _not_found(catalogue: InstrumentCatalogue, instrument_id: str) -> None:
    with pytest.raises(UnknownInstrument, match="did you mean"):
        catalogue.require(instrument_id, NOVEMBER)
