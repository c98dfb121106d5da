"""Lists of members: the CSV of the exchange, what ships, and what is refused."""

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.commands.indices import state_of
from app.domain.constituents import Membership
from app.domain.errors import InvalidInput
from app.domain.index_lists import MAX_BYTES, MAX_MEMBERS, check_index, parse_members, shipped_lists
from app.domain.instruments import Exchange, InstrumentKind, bare_instrument

NIFTY = "NSE:NIFTY 50"
HEADER = "Company Name,Industry,Symbol,Series,ISIN Code"
FILE = f"""{HEADER}
Infosys Ltd.,Information Technology,INFY,EQ,INE009A01021
Mahindra & Mahindra Ltd.,Automobile and Auto Components,M&M,EQ,INE101A01026
"Bajaj Auto, Ltd.",Automobile and Auto Components,BAJAJ-AUTO,EQ,INE917I01010
"""
SYMBOLS = st.lists(st.from_regex(r"[A-Z0-9&-]{1,12}", fullmatch=True), min_size=1, max_size=60, unique=True)


@pytest.mark.parametrize("raw", [FILE, "\ufeff" + FILE, FILE.replace("\n", "\r\n"), FILE + "\n\n,,,,\n", f"\n{FILE}"])
def test_the_exchanges_file_is_read_however_it_was_saved(raw: str) -> None:
    """With a byte order mark, with Windows' line ends, with empty lines, with commas in names."""
    assert parse_members(raw.encode(), NIFTY) == ("NSE:INFY", "NSE:M&M", "NSE:BAJAJ-AUTO")


def test_members_trade_on_the_exchange_of_the_index() -> None:
    """The SENSEX's are those of the BSE."""
    assert parse_members(FILE.encode(), "BSE:SENSEX")[0] == "BSE:INFY"


@given(SYMBOLS)
def test_every_member_comes_once_and_in_order(symbols: list[str]) -> None:
    """Whatever the symbols are."""
    raw = "\n".join([HEADER, *[f"name,industry,{symbol},EQ,isin" for symbol in symbols]])
    assert parse_members(raw.encode(), NIFTY) == tuple(f"NSE:{symbol}" for symbol in symbols)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "the first line must name the columns, one of them Symbol; it has none"),
        (b"<html><body>Access denied</body></html>", "the first line must name the columns"),
        (HEADER.encode(), "the file has 0 members"),
        (f"{HEADER}\na,b,INFY,EQ,x\na,b,,EQ,x".encode(), "line 3: there is no symbol"),
        (f"{HEADER}\na,b".encode(), "line 2: there is no symbol"),
        (f"{HEADER}\na,b,INFY,EQ,x\na,b,INFY,EQ,x".encode(), "line 3: NSE:INFY is there already, in line 2"),
        (f'{HEADER}\n"a"b,c,INFY,EQ,x'.encode(), "line 2: "),
        (f"{HEADER}\na,b,{'X' * 90},EQ,x".encode(), "line 2: an instrument id has at most"),
        (b"\xff\xfe" + FILE.encode("utf-16-le"), "not UTF-8"),
        (b"x" * (MAX_BYTES + 1), "has at most 1,000,000"),
        ("\n".join([HEADER, *[f"a,b,S{n},EQ,x" for n in range(MAX_MEMBERS + 1)]]).encode(), "1 to 2000"),
    ],
)
def test_what_is_no_list_is_refused_by_name_and_line(raw: bytes, message: str) -> None:
    """The message says where and what is expected."""
    with pytest.raises(InvalidInput) as caught:
        parse_members(raw, NIFTY)
    assert message in caught.value.message


@given(st.binary(max_size=300))
def test_any_bytes_give_members_or_a_clear_refusal(raw: bytes) -> None:
    """Never another exception."""
    members: tuple[str, ...] = ()
    with suppress(InvalidInput):
        members = parse_members(raw, NIFTY)
    assert all(member.startswith("NSE:") for member in members)


def test_the_lists_that_ship_carry_their_date_and_source() -> None:
    """Each member once, and of the review that the source names."""
    shipped = {(each.index, each.valid_from): each for each in shipped_lists()}
    sizes = {
        (NIFTY, date(2025, 9, 30)): (50, "review of August 2025"),
        (NIFTY, date(2026, 3, 30)): (50, "review of February 2026"),
        ("NSE:NIFTY BANK", date(2025, 12, 31)): (14, "announcement of 2025-12-01"),
    }
    assert shipped.keys() == sizes.keys()
    for key, (size, review) in sizes.items():
        members = shipped[key].members
        assert len(set(members)) == len(members) == size
        assert all(member.startswith("NSE:") for member in members)
        assert review in shipped[key].source


MASTER = [
    bare_instrument(Exchange.NSE, "NIFTY 50", kind=InstrumentKind.INDEX),
    bare_instrument(Exchange.NSE, "NIFTY IT", kind=InstrumentKind.INDEX),
    bare_instrument(Exchange.NSE, "INFY", kind=InstrumentKind.EQUITY),
]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("NSE:NIFTI 50", "has no index NSE:NIFTI 50; did you mean NSE:NIFTY 50"),
        ("NSE:Nifty 50", "did you mean NSE:NIFTY 50"),
        ("NSE:NO SUCH INDEX", "has no index NSE:NO SUCH INDEX; "),
        ("NSE:INFY", "NSE:INFY is no index, it is EQUITY"),
        ("YAHOO:^GSPC", "indices of Indian exchanges"),
    ],
)
def test_a_list_is_of_an_index_that_there_is(index: str, message: str) -> None:
    """Else a typo would leave the old list in use without a word."""
    with pytest.raises(InvalidInput) as caught:
        check_index(index, MASTER)
    assert message in caught.value.message


def test_without_a_master_only_the_exchange_can_be_checked() -> None:
    """The list is taken; the command says that nobody knows whether there is such an index."""
    check_index(NIFTY, MASTER)
    check_index("NSE:NO SUCH INDEX", [])
    with pytest.raises(InvalidInput):
        check_index("YAHOO:^GSPC", [])


def test_the_list_in_force_is_marked_and_not_the_newest() -> None:
    """A list of the future must not hide that the one of today is old."""
    old, now, later = (
        Membership(NIFTY, day, ("NSE:A",), "a file") for day in (date(2025, 3, 1), date(2025, 9, 30), date(2099, 1, 1))
    )
    lists = [old, now, later, Membership("NSE:NIFTY IT", date(2026, 11, 1), ("NSE:A",), "a file")]
    states = [state_of(each, lists, date(2026, 11, 22)) for each in lists]
    assert states == ["for older days", "today (older than 7 months)", "not yet", "today"]
