"""What only a real database can get wrong: whole or nothing, several writers, cancellation, plans, the event loop."""

import random
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from app.domain.candles import Interval
from app.store import candle_sql as sql
from app.store.address import Dialect
from app.store.candles import SqlCandleStore
from app.store.engine import Database, dial_postgresql, open_database
from tests.store.candle_values import at, bar, bars, known, span
from tests.support.clock import FixedClock

INFY = "NSE:INFY"
ONE = Interval.MINUTE


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database."""
    async with open_database(database_url) as opened:
        yield opened


@pytest.fixture
def store(database: Database) -> SqlCandleStore:
    """A store over it."""
    return SqlCandleStore(database, FixedClock())


async def test_a_save_that_fails_half_way_leaves_nothing_of_it(store: SqlCandleStore):
    """Not the bars of the pieces that were written before, nor the span; what was there stays."""
    await store.save(INFY, ONE, bars(0, 10, 7.0), known(0, 10))
    too_much = replace(bar(5000), volume=2**63)
    with pytest.raises(Exception, match=r"int64|too large"):
        await store.save(INFY, ONE, [*bars(0, 5000), too_much], known(0, 5001))
    assert await store.bars(INFY, ONE, span(0, 6000)) == bars(0, 10, 7.0)
    assert await store.coverage(INFY, ONE, span(0, 6000)) == [known(0, 10)]


async def test_processes_that_save_one_series_at_once_lose_nothing(database_url: str):
    """Two of them with overlapping pieces in different orders, each replacing what the other wrote: one span."""
    dice = random.Random(11)  # noqa: S311 -- repeatable
    async with open_database(database_url) as one, open_database(database_url) as other:
        async with anyio.create_task_group() as group:
            for database in (one, other):
                store = SqlCandleStore(database, FixedClock())
                for part in dice.sample(range(12), 12):
                    first = part * 50
                    group.start_soon(store.save, INFY, ONE, bars(first, first + 70), known(first, first + 70))
        assert await store.bars(INFY, ONE, span(0, 1000)) == bars(0, 620)
        assert await store.coverage(INFY, ONE, span(0, 1000)) == [known(0, 620)]


async def test_a_drop_beside_saves_leaves_bars_and_coverage_that_agree(database_url: str):
    """Whichever comes first: of what is known every bar is there, and no bar is there that is not known."""
    async with open_database(database_url) as one, open_database(database_url) as other:
        store, second = SqlCandleStore(one, FixedClock()), SqlCandleStore(other, FixedClock())
        async with anyio.create_task_group() as group:
            for part in range(8):
                group.start_soon(
                    store.save, INFY, ONE, bars(part * 10, part * 10 + 10), known(part * 10, part * 10 + 10)
                )
                group.start_soon(second.drop, INFY, ONE)
        found = {each.time for each in await store.bars(INFY, ONE, span(0, 100))}
        spans = [each.span for each in await store.coverage(INFY, ONE, span(0, 100))]
    assert found == {at(m) for m in range(100) for each in spans if each.start <= at(m) < each.end}


async def test_a_cancelled_read_or_write_leaves_the_store_usable(store: SqlCandleStore, database: Database):
    """At whatever moment: a write is done or not, and more of them than there are connections cost none."""
    await store.save(INFY, ONE, bars(0, 3000), known(0, 3000))
    for attempt in range(40):
        with anyio.move_on_after(attempt * 0.0004):
            await store.bars(INFY, ONE, span(0, 3000))
        first = 3000 + attempt * 10
        with anyio.move_on_after(attempt * 0.0004):
            await store.save(INFY, ONE, bars(first, first + 10), known(first, first + 10))
    assert await store.bars(INFY, ONE, span(0, 3000)) == bars(0, 3000)
    found = {each.time for each in await store.bars(INFY, ONE, span(0, 9000))}
    spans = [each.span for each in await store.coverage(INFY, ONE, span(0, 9000))]
    assert found == {at(m) for m in range(9000) for each in spans if each.start <= at(m) < each.end}
    await database.ping()


def look(path: Path, query: str, *values: object) -> list[Any]:
    """The rows that SQLite itself answers. Blocks."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query, values).fetchall()


async def plan(database: Database, query: str, *values: object) -> str:
    """How the database would answer, from its own mouth."""
    path = database.address.path
    if path is not None:
        explain = f"EXPLAIN QUERY PLAN {query.replace('$', '?')}"
        return "\n".join(row[3] for row in await anyio.to_thread.run_sync(look, path, explain, *values))
    connection = await dial_postgresql(database.address, command_timeout=None)
    try:
        await connection.execute("ANALYZE candle")
        rows = await connection.fetch(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {query}", *values)
        return "\n".join(row[0] for row in rows)
    finally:
        await connection.close()


@pytest.mark.parametrize("query", [sql.BARS, sql.LAST_BARS])
async def test_a_read_looks_at_its_own_bars_only(store: SqlCandleStore, database: Database, query: str):
    """By the key: how many other bars there are, of this series or of another, does not matter."""
    for instrument in (INFY, "NSE:TCS"):
        await store.save(instrument, ONE, bars(0, 10_000), known(0, 10_000))
    first, end = (int(at(minute).timestamp()) for minute in (5000, 5500))
    bounds = (first, end) if query is sql.BARS else (end, 500)
    found = await plan(database, query, INFY, ONE.value, *bounds)
    if database.dialect is Dialect.POSTGRESQL:
        assert "pk_candle" in found
        assert max(int(rows) for rows in re.findall(r"actual rows=(\d+)", found)) == 500  # of every step
        assert "Removed by" not in found
    else:
        limit = "opens_at>? AND opens_at<?" if query is sql.BARS else "opens_at<?"
        assert f"SEARCH candle USING PRIMARY KEY (series_id=? AND {limit})" in found
        assert "TEMP B-TREE" not in found


async def test_rows_in_sqlite_lie_in_the_order_of_their_key(database: Database):
    """WITHOUT ROWID: a range of bars is one stretch of the file."""
    path = database.address.path
    if path is not None:
        made = "SELECT sql FROM sqlite_master WHERE name = 'candle'"
        [(table,)] = await anyio.to_thread.run_sync(look, path, made)
        assert table.rstrip().endswith("WITHOUT ROWID")


async def test_the_longest_answer_comes_back_as_it_was_stored(store: SqlCandleStore):
    """50,000 bars, written, written again and read; BlockBuster holds the event loop free of files and sockets."""
    longest = bars(0, 50_000)
    for _ in range(2):
        await store.save(INFY, ONE, longest, known(0, 50_000))
    assert await store.bars(INFY, ONE, span(0, 50_000)) == longest
    assert await store.last_bars(INFY, ONE, before=at(50_000), count=50_000) == longest
