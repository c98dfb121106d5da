"""The instrument master that lasts, on both databases."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta

import anyio
import pytest
from sqlalchemy import text

from app.domain.instruments import Instrument
from app.ports import SyncReport
from app.store.engine import Database, open_database
from app.store.instruments import SqlInstrumentStore
from app.store.master_diff import MasterDiff
from tests.instruments.masters import listed, small_master
from tests.support.clock import FixedClock

MONDAY = date(2026, 11, 23)
TUESDAY = MONDAY + timedelta(days=1)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database."""
    async with open_database(database_url) as opened:
        yield opened


@pytest.fixture
def store(database: Database) -> SqlInstrumentStore:
    """A store over it."""
    return SqlInstrumentStore(database, FixedClock())


async def seen(database: Database) -> dict[str, tuple[str, str, bool]]:
    """First seen, last seen and in_master of every row."""
    async with database.begin() as connection:
        rows = await connection.execute(text("SELECT id, first_seen, last_seen, in_master FROM instrument"))
        return {row.id: (str(row.first_seen), str(row.last_seen), bool(row.in_master)) for row in rows}


def counts(report: SyncReport) -> tuple[int, int, int, int]:
    """Total, added, changed, gone."""
    return report.total, report.added, report.changed, report.gone


async def test_a_new_store_has_no_master(store: SqlInstrumentStore):
    """Empty, not an error."""
    assert await store.current() == []


async def test_every_field_comes_back_as_it_was(store: SqlInstrumentStore):
    """Each kind of instrument, with its types; the numbers of the report are those of the master."""
    master = small_master()
    report = await store.replace_master(master, seen_on=MONDAY)
    assert counts(report) == (len(master), len(master), 0, 0)
    assert report.synced_at == FixedClock().now()
    found = {instrument.id: instrument for instrument in await store.current()}
    assert found == {instrument.id: instrument for instrument in master}
    option = found["NFO:NIFTY26NOV24500CE"]
    assert (type(option.strike), type(option.expiry), type(option.lot_size)) == (float, date, int)


async def test_a_master_that_did_not_change_changes_nothing(store: SqlInstrumentStore, database: Database):
    """Only the last-seen dates move."""
    await store.replace_master(small_master(), seen_on=MONDAY)
    report = await store.replace_master(small_master(), seen_on=TUESDAY)
    assert counts(report) == (len(small_master()), 0, 0, 0)
    assert set((await seen(database)).values()) == {("2026-11-23", "2026-11-24", True)}


async def test_rows_that_left_the_master_keep_their_dates(store: SqlInstrumentStore, database: Database):
    """Changed, new and gone rows are told apart; what is gone stays in the table, with its last date."""
    infy, tcs, wipro = listed("INFY", "INFOSYS", token=1), listed("TCS"), listed("WIPRO")
    await store.replace_master([infy, tcs], seen_on=MONDAY)
    renamed = replace(infy, name="INFOSYS LTD")
    report = await store.replace_master([wipro, renamed], seen_on=TUESDAY)
    assert counts(report) == (2, 1, 1, 1)
    assert sorted(await store.current(), key=lambda row: row.id) == [renamed, wipro]
    assert await seen(database) == {
        "NSE:INFY": ("2026-11-23", "2026-11-24", True),
        "NSE:TCS": ("2026-11-23", "2026-11-23", False),
        "NSE:WIPRO": ("2026-11-24", "2026-11-24", True),
    }


async def test_a_second_sync_of_the_same_day_tells_what_is_gone(store: SqlInstrumentStore, database: Database):
    """A row that left at noon is not current, though it was seen today."""
    infy, tcs = listed("INFY"), listed("TCS")
    await store.replace_master([infy, tcs], seen_on=MONDAY)
    assert counts(await store.replace_master([infy], seen_on=MONDAY)) == (1, 0, 0, 1)
    assert await store.current() == [infy]
    assert (await seen(database))["NSE:TCS"] == ("2026-11-23", "2026-11-23", False)


async def test_an_instrument_that_returns_keeps_its_first_date(store: SqlInstrumentStore, database: Database):
    """It counts as added, because the last master had it not."""
    infy, tcs = listed("INFY"), listed("TCS")
    for day, master in enumerate(([infy, tcs], [infy], [infy, replace(tcs, lot_size=5)])):
        report = await store.replace_master(master, seen_on=MONDAY + timedelta(days=day))
    assert counts(report) == (2, 1, 0, 0)
    assert (await seen(database))["NSE:TCS"] == ("2026-11-23", "2026-11-25", True)
    assert replace(tcs, lot_size=5) in await store.current()


async def test_two_instruments_may_have_the_same_token(store: SqlInstrumentStore):
    """Exchanges reuse tokens after expiry."""
    master = [listed("OLD", token=7), listed("NEW", token=7)]
    await store.replace_master(master, seen_on=MONDAY)
    assert len(await store.current()) == 2


async def test_masters_that_follow_each_other_agree_with_a_model(store: SqlInstrumentStore):
    """Whatever comes and goes: the store holds the last master, and added - gone is the change of its size."""
    dice = random.Random(7)  # noqa: S311 -- repeatable
    held: dict[str, Instrument] = {}
    for day in range(6):
        pool = [listed(f"S{number}", token=dice.randrange(3)) for number in range(30)]
        new = {instrument.id: instrument for instrument in dice.sample(pool, dice.randrange(1, 30))}
        report = await store.replace_master(list(new.values()), seen_on=MONDAY + timedelta(days=day))
        changed = sum(held[key] != new[key] for key in held.keys() & new.keys())
        assert counts(report) == (len(new), len(new.keys() - held.keys()), changed, len(held.keys() - new.keys()))
        assert {instrument.id: instrument for instrument in await store.current()} == new
        held = new


async def test_a_master_that_cannot_be_written_leaves_the_old_one(store: SqlInstrumentStore, database: Database):
    """All or none: a bad row in the middle, and nothing of the new master is there."""
    await store.replace_master([listed("INFY")], seen_on=MONDAY)
    bad = replace(listed("BAD"), symbol=None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match=r"(?i)not.null"):
        await store.replace_master([listed("TCS"), bad, listed("WIPRO")], seen_on=TUESDAY)
    assert await store.current() == [listed("INFY")]
    assert await seen(database) == {"NSE:INFY": ("2026-11-23", "2026-11-23", True)}


async def test_two_syncs_at_once_go_one_after_the_other(database_url: str):
    """Two processes that sync the same morning end with one of the two masters, never with a mixture."""
    first, second = [listed(f"A{n}") for n in range(500)], [listed(f"B{n}") for n in range(500)]
    async with open_database(database_url) as one, open_database(database_url) as other:
        stores = [SqlInstrumentStore(database, FixedClock()) for database in (one, other)]

        async def sync(store: SqlInstrumentStore, master: list[Instrument]) -> None:
            await store.replace_master(master, seen_on=MONDAY)

        async with anyio.create_task_group() as group:
            group.start_soon(sync, stores[0], first)
            group.start_soon(sync, stores[1], second)
        held = {instrument.symbol[0] for instrument in await stores[0].current()}
        assert len(await stores[1].current()) == 500
    assert held in ({"A"}, {"B"})


def test_an_id_that_a_master_has_twice_counts_once():
    """The first row of it holds."""
    diff = MasterDiff([listed("INFY", token=1), listed("INFY", token=2), listed("TCS")])
    assert (diff.total, [row.instrument_token for row in diff.written()]) == (2, [1, None])
