"""The members of a day: shipped and imported lists, on both databases."""

from dataclasses import replace
from datetime import date

import anyio
import pytest

from app.domain.constituents import Membership
from app.domain.errors import InvalidInput, NotSupported, SourceUnavailable, UnknownInstrument
from app.domain.instruments import Instrument, InstrumentKind, bare_instrument, parse_instrument_id
from app.services import index_members
from app.services.index_members import REMEMBERED_SECONDS, IndexMembers
from app.store.engine import open_database
from app.store.index_members import SqlMembershipStore
from tests.support.clock import FixedClock

INDEX = "NSE:NIFTY 50"
SHIPPED = Membership(INDEX, date(2025, 9, 30), ("NSE:A", "NSE:B"), "shipped")
REVIEWED = Membership(INDEX, date(2026, 9, 30), ("NSE:B", "NSE:C"), "a file")


async def test_the_newest_list_that_has_begun_holds(database_url: str) -> None:
    """History is kept: an older day has its own list."""
    clock = FixedClock()
    async with open_database(database_url) as database:
        members = IndexMembers(SqlMembershipStore(database, clock), clock, shipped=[SHIPPED])
        assert await members.membership(INDEX) == SHIPPED
        assert not await members.save(REVIEWED)
        assert await members.membership(INDEX) == REVIEWED
        assert await members.membership(INDEX, date(2026, 9, 29)) == SHIPPED
        assert await members.lists() == [SHIPPED, REVIEWED]


async def test_an_imported_list_counts_before_a_shipped_one_of_the_same_day(database_url: str) -> None:
    """And a second import of the day replaces the first."""
    clock = FixedClock()
    async with open_database(database_url) as database:
        members = IndexMembers(SqlMembershipStore(database, clock), clock, shipped=[SHIPPED])
        own = Membership(INDEX, SHIPPED.valid_from, ("NSE:A",), "mine")
        assert not await members.save(own)
        assert await members.membership(INDEX) == own
        assert await members.save(Membership(INDEX, SHIPPED.valid_from, ("NSE:Z",), "mine again"))
        assert (await members.membership(INDEX)).members == ("NSE:Z",)


async def test_a_list_that_another_process_imported_is_seen_soon(database_url: str) -> None:
    """The command writes beside a running service."""
    clock = FixedClock()
    async with open_database(database_url) as database:
        store = SqlMembershipStore(database, clock)
        members = IndexMembers(store, clock, shipped=[SHIPPED])
        await members.membership(INDEX)
        await store.save(REVIEWED)
        clock.advance(REMEMBERED_SECONDS)
        assert await members.membership(INDEX) == REVIEWED


async def test_what_is_not_known_says_how_to_import_it(database_url: str) -> None:
    """An index without a list, and a day before the first one."""
    clock = FixedClock()
    async with open_database(database_url) as database:
        members = IndexMembers(SqlMembershipStore(database, clock), clock, shipped=[SHIPPED])
        with pytest.raises(NotSupported, match='indices import FILE --index "NSE:NIFTY IT" --from'):
            await members.membership("NSE:NIFTY IT")
        with pytest.raises(NotSupported, match="known from 2025-09-30 on, not on 2025-09-29"):
            await members.membership(INDEX, date(2025, 9, 29))


async def test_a_list_that_was_removed_is_gone(database_url: str) -> None:
    """The one before counts again, also one that ships and was replaced; others of its day stay."""
    clock = FixedClock()
    async with open_database(database_url) as database:
        members = IndexMembers(SqlMembershipStore(database, clock), clock, shipped=[SHIPPED])
        other = replace(REVIEWED, index="NSE:NIFTY IT")
        for each in (REVIEWED, other, replace(SHIPPED, members=("NSE:Z",))):
            await members.save(each)
        assert await members.remove(INDEX, REVIEWED.valid_from)
        assert (await members.membership(INDEX)).members == ("NSE:Z",)
        assert await members.remove(INDEX, SHIPPED.valid_from)
        assert await members.membership(INDEX) == SHIPPED
        assert await members.membership("NSE:NIFTY IT") == other
        assert not await members.remove(INDEX, REVIEWED.valid_from)


async def test_what_is_no_index_has_no_list_to_import(database_url: str) -> None:
    """An id that there is not is unknown, a share is no index, and lists of the world's indices are not kept.

    Where a list is known nobody asks the master: an index may have been renamed since.
    """

    def require(instrument_id: str) -> Instrument:
        exchange, symbol = parse_instrument_id(instrument_id)
        if symbol not in {"INFY", "^GSPC"}:
            msg = f"there is no instrument {instrument_id}"
            raise UnknownInstrument(msg)
        return bare_instrument(
            exchange, symbol, kind=InstrumentKind.EQUITY if symbol == "INFY" else InstrumentKind.INDEX
        )

    clock = FixedClock()
    async with open_database(database_url) as database:
        members = IndexMembers(SqlMembershipStore(database, clock), clock, shipped=[SHIPPED], require=require)
        with pytest.raises(UnknownInstrument):
            await members.membership("NSE:NOPE")
        with pytest.raises(NotSupported, match="NSE:INFY is no index, it is EQUITY"):
            await members.membership("NSE:INFY")
        with pytest.raises(NotSupported, match="indices of Indian exchanges"):
            await members.membership("YAHOO:^GSPC")
        assert await members.membership(INDEX) == SHIPPED


@pytest.mark.parametrize("index", ["", "NIFTY 50", "XSE:NIFTY 50", "NSE:" + "N" * 10_000])
async def test_what_is_no_id_is_refused_as_such(database_url: str, index: str) -> None:
    """Not looked for, nor sent back in full."""
    clock = FixedClock()
    async with open_database(database_url) as database:
        members = IndexMembers(SqlMembershipStore(database, clock), clock, shipped=[SHIPPED])
        with pytest.raises(InvalidInput) as refused:
            await members.membership(index)
    assert len(str(refused.value)) < 300


class Failing:
    """A MembershipStore whose database can be stopped."""

    def __init__(self) -> None:
        self.hangs = False
        self.is_down = False

    async def save(self, membership: Membership) -> bool:
        """Never called."""
        raise AssertionError(membership)

    async def remove(self, index: str, valid_from: date) -> bool:
        """Never called."""
        raise AssertionError(index, valid_from)

    async def all(self) -> list[Membership]:
        """One list, nothing, or an error."""
        if self.hangs:
            await anyio.sleep_forever()
        if self.is_down:
            msg = "the database does not answer"
            raise SourceUnavailable(msg)
        return [REVIEWED]


async def test_what_was_read_holds_while_the_database_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prices and context go on without it; only a service that never read its lists does not know them."""
    monkeypatch.setattr(index_members, "READ_SECONDS", 0.01)
    clock, store = FixedClock(), Failing()
    store.is_down = True
    members = IndexMembers(store, clock, shipped=[SHIPPED])
    with pytest.raises(SourceUnavailable):
        await members.membership(INDEX)
    store.is_down = False
    assert await members.membership(INDEX) == REVIEWED
    clock.advance(REMEMBERED_SECONDS)
    store.is_down = True
    assert await members.membership(INDEX) == REVIEWED
    clock.advance(REMEMBERED_SECONDS)
    store.hangs = True
    assert await members.membership(INDEX) == REVIEWED


async def test_a_database_that_is_gone_is_told_as_such(database_url: str) -> None:
    """Not as a driver's error."""
    clock = FixedClock()
    async with open_database(database_url) as database:
        async with database.begin() as connection:
            await connection.exec_driver_sql("DROP TABLE index_membership")
        with pytest.raises(SourceUnavailable, match="does not answer as it should"):
            await SqlMembershipStore(database, clock).all()
