"""Reading and replacing the whole instrument master. Synchronous: `SqlInstrumentStore` runs it in a thread.

130,000 rows hold the event loop for seconds if they are encoded, compiled or decoded on it, so this goes past
SQLAlchemy to the drivers: SQLite in the calling thread, asyncpg on a loop of that thread's own.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

from app.domain.instruments import Instrument
from app.store.address import DatabaseAddress
from app.store.engine import BUSY_TIMEOUT_SECONDS, dial_postgresql
from app.store.instrument_rows import COLUMNS, INSERT, NO_ROWS, ON_CONFLICT, READ, RowDecoder, encode_row
from app.store.master_diff import MasterDiff

CHUNK = 500
"""Rows that one driver call fetches: few enough that the interpreter can switch threads every few milliseconds."""


def read_master(address: DatabaseAddress) -> list[Instrument]:
    """The instruments of the last sync, in no order. Blocks."""
    found: list[Instrument] = []
    if address.path is not None:
        with closing(_dial_sqlite(address.path)) as connection:
            _scan_sqlite(connection, found.extend)
    else:
        asyncio.run(_read_postgresql(address, found.extend))
    return found


def replace_master(address: DatabaseAddress, instruments: Sequence[Instrument], seen_on: date) -> MasterDiff:
    """Make these the master of a day, in one transaction, and tell what that changed. Blocks; one at a time."""
    diff = MasterDiff(instruments)
    if address.path is not None:
        _replace_sqlite(address.path, diff, seen_on.isoformat())
    else:
        asyncio.run(_replace_postgresql(address, diff, seen_on))
    return diff


Take = Callable[[list[Instrument]], None]
"""Where rows that were read go, a chunk at a time."""


def _dial_sqlite(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)


def _scan_sqlite(connection: sqlite3.Connection, take: Take) -> None:
    decoder = RowDecoder()
    cursor = connection.execute(READ)
    while rows := cursor.fetchmany(CHUNK):
        take(decoder.decode(rows))


def _replace_sqlite(path: Path, diff: MasterDiff, today: str) -> None:
    with closing(_dial_sqlite(path)) as connection:
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("BEGIN IMMEDIATE")  # a connection that is closed before COMMIT has done nothing
        _scan_sqlite(connection, diff.compare)
        values = ", ".join("?" * len(COLUMNS))
        rows = (encode_row(instrument, today, date.isoformat) for instrument in diff.written())
        connection.executemany(f"{INSERT} VALUES ({values}) {ON_CONFLICT}", rows)
        connection.executemany("UPDATE instrument SET in_master = 0 WHERE id = ?", ((key,) for key in diff.gone))
        connection.execute("UPDATE instrument SET last_seen = ?1 WHERE in_master AND last_seen <> ?1", (today,))
        connection.execute("COMMIT")


async def _read_postgresql(address: DatabaseAddress, take: Take) -> None:
    connection = await dial_postgresql(address, command_timeout=None)
    try:
        async with connection.transaction(readonly=True):
            await _scan_postgresql(connection, take)
    finally:
        await connection.close()


async def _scan_postgresql(connection: Any, take: Take) -> None:
    decoder = RowDecoder()
    cursor = await connection.cursor(READ)
    while rows := await cursor.fetch(CHUNK):
        take(decoder.decode(rows))


async def _replace_postgresql(address: DatabaseAddress, diff: MasterDiff, today: date) -> None:
    connection = await dial_postgresql(address, command_timeout=None)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE instrument IN SHARE ROW EXCLUSIVE MODE")  # readers go on
            await _scan_postgresql(connection, diff.compare)
            await connection.execute(f"CREATE TEMP TABLE incoming ON COMMIT DROP AS {NO_ROWS}")
            await connection.copy_records_to_table("incoming", columns=COLUMNS, records=_postgresql_rows(diff, today))
            await connection.execute(f"{INSERT} TABLE incoming {ON_CONFLICT}")
            await connection.execute("UPDATE instrument SET in_master = false WHERE id = ANY($1::text[])", diff.gone)
            await connection.execute("UPDATE instrument SET last_seen = $1 WHERE in_master AND last_seen <> $1", today)
    finally:
        await connection.close()


def _postgresql_rows(diff: MasterDiff, today: date) -> Iterator[tuple[Any, ...]]:
    return (encode_row(instrument, today, lambda day: day) for instrument in diff.written())
