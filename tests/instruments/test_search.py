"""What a trader types, and what is found."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidInput
from app.domain.instruments import Exchange, Instrument, InstrumentFilter, InstrumentKind
from app.services.instruments.catalogue import InstrumentCatalogue
from app.services.instruments.pages import MAX_PAGE
from app.services.instruments.question import MAX_TEXT, MAX_WORDS
from tests.instruments.masters import DECEMBER, NOVEMBER, WEEKLY, contract, listed, small_master

CATALOGUE = InstrumentCatalogue(small_master(), date(2026, 11, 23))
OPTION_KINDS = frozenset({InstrumentKind.CALL, InstrumentKind.PUT})


def ids(text: str, narrowed: InstrumentFilter | None = None, first: int = MAX_PAGE) -> list[str]:
    """The ids of the first page."""
    return [match.instrument.id for match in CATALOGUE.search(text, narrowed, first=first)]


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("infy", ["NSE:INFY", "BSE:INFY", "NFO:INFY26NOVFUT"]),
        ("  InFy  ", ["NSE:INFY", "BSE:INFY", "NFO:INFY26NOVFUT"]),
        ("infosys", ["NSE:INFY", "BSE:INFY", "NFO:INFY26NOVFUT"]),
        ("NSE:INFY", ["NSE:INFY"]),
        ("bse infy", ["BSE:INFY"]),
        ("nifty", ["NSE:NIFTY 50", "NSE:NIFTY BANK", "NSE:NIFTY NEXT 50", "NSE:NIFTY 100", "NSE:NIFTYBEES"]),
        ("NIFTY 50", ["NSE:NIFTY 50"]),
        ("nifty50", ["NSE:NIFTY 50"]),
        ("banknifty", ["NSE:NIFTY BANK", "NFO:BANKNIFTY26NOVFUT", "NFO:BANKNIFTY26NOV51000CE"]),
        ("bank nifty", ["NSE:NIFTY BANK", "NFO:BANKNIFTY26NOVFUT"]),
        ("bank nifty fut", ["NFO:BANKNIFTY26NOVFUT"]),
        ("hdfc bank", ["NSE:HDFCBANK"]),
        ("hdfc", ["NSE:HDFCAMC", "NSE:HDFCBANK"]),
        ("bank", ["NSE:NIFTY BANK", "NSE:HDFCBANK", "NSE:ICICIBANK", "NSE:SBIN"]),
        ("state bank", ["NSE:SBIN"]),
        ("m&m", ["NSE:M&M"]),
        ("bajaj auto", ["NSE:BAJAJ-AUTO"]),
        ("bajajauto", ["NSE:BAJAJ-AUTO"]),
        ("bse", ["NSE:BSE"]),
        ("tata", ["NSE:TATASTEEL", "NSE:TCS"]),
        ("vix", ["NSE:INDIA VIX"]),
        ("gold", ["NSE:GOLDBEES", "MCX:GOLD26DECFUT"]),
        ("gold etf", ["NSE:GOLDBEES"]),
        ("7.07% sdl", ["NSE:707GJ30-SG"]),
        ("reliance", ["NSE:RELIANCE", "BSE:RELIANCE", "NFO:RELIANCE26NOVFUT", "NFO:RELIANCE26DECFUT"]),
        ("reliance nov fut", ["NFO:RELIANCE26NOVFUT"]),
        ("reliance industries december", ["NFO:RELIANCE26DECFUT"]),
        ("sensex fut", ["BFO:SENSEX26NOVFUT"]),
        ("nifty fut", ["NFO:NIFTY26NOVFUT", "NFO:NIFTY26DECFUT"]),
        ("nifty 24500 ce", ["NFO:NIFTY26NOV24500CE", "NFO:NIFTY26D0124500CE", "NFO:NIFTYNXT5026NOV24500CE"]),
        ("nifty 24,500 calls", ["NFO:NIFTY26NOV24500CE", "NFO:NIFTY26D0124500CE"]),
        ("NIFTY24500CE", ["NFO:NIFTY26NOV24500CE", "NFO:NIFTY26D0124500CE"]),
        ("nifty 24500ce", ["NFO:NIFTY26NOV24500CE", "NFO:NIFTY26D0124500CE"]),
        ("nifty 1 dec 24500 put", ["NFO:NIFTY26D0124500PE"]),
        ("nifty 24nov 24500ce", ["NFO:NIFTY26NOV24500CE"]),
        ("NIFTY26NOVFUT", ["NFO:NIFTY26NOVFUT"]),
        ("nifty26d01", ["NFO:NIFTY26D0124000CE", "NFO:NIFTY26D0124000PE", "NFO:NIFTY26D0124050CE"]),
        ("24500", ["NFO:NIFTY26NOV24500CE", "NFO:NIFTY26NOV24500PE"]),
        ("ERRA", []),
    ],
)
def test_a_trader_finds_what_is_meant(text: str, best: list[str]):
    """Symbols, names, words in any order, contracts by month, day, strike and kind."""
    assert ids(text)[: len(best)] == best
    assert bool(ids(text)) == bool(best)


def test_exact_symbols_come_before_prefixes_names_and_parts():
    """One search that has all four grades."""
    catalogue = InstrumentCatalogue(
        [listed("XOIL"), listed("ACME", "OIL COMPANY"), listed("OILCO"), listed("OIL"), listed("COILS", "SPRINGS")]
    )
    found = catalogue.search("oil")
    assert [match.instrument.symbol for match in found] == ["OIL", "OILCO", "ACME", "COILS", "XOIL"]
    scores = [match.score for match in found]
    assert scores[0] == 1.0
    assert scores[0] > scores[1] > scores[2] > scores[3] == scores[4] > 0


def test_equal_matches_come_in_the_order_of_the_market():
    """Stocks and indices, ETFs, futures, options, bonds; NSE before BSE; nearer expiry; strike; symbol."""
    expected = [
        listed("ABCA"),
        listed("ABCB", kind=InstrumentKind.INDEX),
        listed("ABCA", exchange=Exchange.BSE),
        listed("ABCE", kind=InstrumentKind.ETF),
        contract("ABC", NOVEMBER),
        contract("ABC", DECEMBER),
        contract("ABC", NOVEMBER, InstrumentKind.CALL, 90.0),
        contract("ABC", NOVEMBER, InstrumentKind.PUT, 90.0),
        contract("ABC", NOVEMBER, InstrumentKind.CALL, 100.0),
        contract("ABC", DECEMBER, InstrumentKind.CALL, 80.0),
        listed("ABC-N1", kind=InstrumentKind.OTHER),
    ]
    for master in (expected, expected[::-1], sorted(expected, key=lambda row: hash(row.id))):
        assert [match.instrument for match in InstrumentCatalogue(master).search("abc", first=MAX_PAGE)] == expected


@pytest.mark.parametrize(
    ("narrowed", "expected"),
    [
        (InstrumentFilter(exchanges=frozenset({Exchange.BSE})), ["BSE:INFY"]),
        (InstrumentFilter(kinds=frozenset({InstrumentKind.FUTURE})), ["NFO:INFY26NOVFUT"]),
        (InstrumentFilter(kinds=frozenset({InstrumentKind.EQUITY})), ["NSE:INFY", "BSE:INFY"]),
        (InstrumentFilter(expiry=NOVEMBER), ["NFO:INFY26NOVFUT"]),
        (InstrumentFilter(expiry=NOVEMBER, expiry_to=date(2026, 11, 1)), []),
        (InstrumentFilter(underlying="NSE:INFY"), ["NFO:INFY26NOVFUT"]),
        (InstrumentFilter(underlying="NSE:NOSUCH"), []),
        (InstrumentFilter(exchanges=frozenset({Exchange.YAHOO})), []),
    ],
)
def test_a_filter_narrows_a_search(narrowed: InstrumentFilter, expected: list[str]):
    """Every condition holds at once."""
    assert ids("infy", narrowed) == expected


def test_dates_and_strikes_are_inclusive():
    """A chain can be cut out exactly; what has no strike or expiry is not in it."""
    narrowed = InstrumentFilter(
        underlying="NSE:NIFTY 50", expiry_from=NOVEMBER, expiry_to=WEEKLY, strike_from=24_450, strike_to=24_500
    )
    assert ids("", narrowed) == [
        "NFO:NIFTY26NOV24450CE",
        "NFO:NIFTY26NOV24450PE",
        "NFO:NIFTY26NOV24500CE",
        "NFO:NIFTY26NOV24500PE",
        "NFO:NIFTY26D0124450CE",
        "NFO:NIFTY26D0124450PE",
        "NFO:NIFTY26D0124500CE",
        "NFO:NIFTY26D0124500PE",
    ]


def test_a_blank_text_lists_by_expiry_strike_and_kind():
    """What has no expiry first, then each expiry's futures and options; every score is 1."""
    narrowed = InstrumentFilter(underlying="NSE:RELIANCE")
    found = [match.instrument for match in CATALOGUE.search("  ", narrowed, first=MAX_PAGE)]
    assert found[0].id == "NFO:RELIANCE26NOVFUT"
    assert found[-1].id == "NFO:RELIANCE26DECFUT"
    assert found == sorted(found, key=lambda row: (row.expiry, row.strike or 0, row.kind))
    assert {match.score for match in CATALOGUE.search("", narrowed)} == {1.0}


def test_contracts_that_have_expired_are_left_out():
    """The day after, before the morning's sync: their tokens may belong to others."""
    page = CATALOGUE.search_page("nifty fut", today=date(2026, 11, 25))
    assert [match.instrument.id for match in page.matches] == ["NFO:NIFTY26DECFUT"]
    on_the_day = CATALOGUE.search_page("nifty fut", today=NOVEMBER)
    assert on_the_day.matches[0].instrument.expiry == NOVEMBER
    listed_all = CATALOGUE.search_page("", InstrumentFilter(underlying="NSE:RELIANCE"), today=date(2026, 11, 25))
    assert listed_all.total == 1


@pytest.mark.parametrize(
    ("text", "narrowed", "message"),
    [
        ("", None, "the search text is empty: write a symbol or a name"),
        (" \t", InstrumentFilter(), "the search text is empty"),
        ("x" * (MAX_TEXT + 1), None, "at most 100 characters; this one has 101"),
        ("a " * (MAX_WORDS + 1), None, "at most 10 words"),
        ("x", InstrumentFilter(expiry_from=DECEMBER, expiry_to=NOVEMBER), "expiryFrom 2026-12-29 is after"),
        ("x", InstrumentFilter(strike_from=200.5, strike_to=100), "strikeFrom 200.5 is above strikeTo 100"),
        ("x", InstrumentFilter(strike_from=-1), "strikeFrom -1 is no strike"),
        ("x", InstrumentFilter(strike_to=float("nan")), "strikeTo nan is no strike"),
        ("x", InstrumentFilter(exchanges=frozenset()), "filter.exchanges is an empty list"),
        ("x", InstrumentFilter(kinds=frozenset()), "filter.kinds is an empty list"),
        ("x", InstrumentFilter(underlying="NIFTY"), "'NIFTY' is not an instrument id"),
    ],
)
def test_a_bad_question_is_refused_with_the_remedy(text: str, narrowed: InstrumentFilter | None, message: str):
    """The message names the thing and says what to do."""
    with pytest.raises(InvalidInput, match=message):
        CATALOGUE.search_page(text, narrowed)


@pytest.mark.parametrize("first", [0, -1, MAX_PAGE + 1])
def test_a_page_has_a_size(first: int):
    """1 to 100."""
    with pytest.raises(InvalidInput, match=f"1 to 100; not {first}"):
        CATALOGUE.search_page("infy", first=first)


def test_pages_put_together_are_the_whole_result():
    """Each match once, in the same order, whatever the size of the pages; the ends say so."""
    whole = ids("nifty")
    for size in (1, 7, 50):
        after: str | None = None
        pieces: list[str] = []
        seen = 0
        while True:
            page = CATALOGUE.search_page("nifty", first=size, after=after)
            assert page.has_previous == (seen > 0)
            assert page.total == 140
            pieces.extend(match.instrument.id for match in page.matches)
            seen, after = len(pieces), page.end_cursor
            if not page.has_next:
                break
        assert len(pieces) == len(set(pieces)) == 140
        assert pieces[:MAX_PAGE] == whole


def test_each_match_has_a_cursor_to_go_on_from():
    """Going on after the third match gives the fourth."""
    page = CATALOGUE.search_page("nifty", first=5)
    cursors = [cursor for cursor, _ in page.edges]
    assert (page.start_cursor, page.end_cursor) == (cursors[0], cursors[-1])
    rest = CATALOGUE.search_page("NIFTY", first=1, after=cursors[2])
    assert rest.matches == [page.matches[3]]
    assert rest.start_cursor == cursors[3]


def test_an_empty_page_has_no_cursors():
    """Nothing found, and nothing before or after it."""
    page = CATALOGUE.search_page("no such thing")
    assert (page.matches, page.total, page.has_next, page.has_previous) == ([], 0, False, False)
    assert (page.start_cursor, page.end_cursor) == (None, None)


def test_a_cursor_of_another_search_is_refused():
    """Another text or another filter."""
    cursor = CATALOGUE.search_page("nifty").end_cursor
    for text, narrowed in (("infy", None), ("nifty", InstrumentFilter(kinds=OPTION_KINDS))):
        with pytest.raises(InvalidInput, match="belongs to another search"):
            CATALOGUE.search_page(text, narrowed, after=cursor)


def test_a_cursor_does_not_depend_on_the_order_of_a_set():
    """Another process may list a filter's kinds in another order."""
    one = frozenset({InstrumentKind.CALL, InstrumentKind.PUT, InstrumentKind.FUTURE})
    other = frozenset(sorted(one, reverse=True))
    cursor = CATALOGUE.search_page("nifty", InstrumentFilter(kinds=one), first=2).end_cursor
    assert CATALOGUE.search_page("nifty", InstrumentFilter(kinds=other), after=cursor).has_previous


@given(st.text(max_size=80))
def test_garbage_is_no_cursor(garbage: str):
    """InvalidInput and nothing else."""
    with pytest.raises(InvalidInput, match=r"is not a cursor|belongs to another search"):
        CATALOGUE.search_page("nifty", after=garbage)


WORDS = st.sampled_from(
    ["nifty", "NOV", "24500", "ce", "bank", "reliance", "in", "n", "fut", "500", "26nov", "&", "dec"]
)


@given(st.one_of(st.text(max_size=MAX_TEXT), st.lists(WORDS, min_size=1, max_size=5).map(" ".join)))
def test_any_text_has_an_answer_or_a_remedy(text: str):
    """Scores are between 0 and 1 and never rise; no instrument comes twice; the total is right."""
    try:
        page = CATALOGUE.search_page(text, first=MAX_PAGE)
    except InvalidInput as error:
        assert not text.strip() or len(text.split()) > MAX_WORDS, error  # noqa: PT017
        return
    scores = [match.score for match in page.matches]
    assert all(0 < score <= 1 for score in scores)
    assert all(before >= after for before, after in pairwise(scores))
    assert len({match.instrument.id for match in page.matches}) == len(page.matches) == min(page.total, MAX_PAGE)


@given(st.sampled_from(small_master()), st.data())
def test_whatever_is_in_a_symbol_finds_it(instrument: Instrument, data: st.DataObject):
    """Any beginning of the symbol, and any part of a cash symbol that is long enough."""
    length = data.draw(st.integers(1, len(instrument.symbol)))
    beginning = instrument.symbol[:length]
    assert _found(beginning, instrument)
    if instrument.expiry is None and " " not in instrument.symbol and len(instrument.symbol) >= 3:
        start = data.draw(st.integers(0, len(instrument.symbol) - 3))
        assert _found(instrument.symbol[start : start + 3], instrument)


def _found(text: str, instrument: Instrument) -> bool:
    after, more = None, True
    while more:
        page = CATALOGUE.search_page(text, first=MAX_PAGE, after=after)
        if any(match.instrument == instrument for match in page.matches):
            return True
        after, more = page.end_cursor, page.has_next
    return False
