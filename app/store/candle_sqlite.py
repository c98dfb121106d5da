"""Candles in SQLite, in worker threads. For `SqlCandleStore`.

A connection for each call costs 0.1 ms, a fiftieth of what 5,000 bars take, and there is nothing to close at the end.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import anyio.to_thread

from app.domain.candle_chunks import CandleChunk
from app.domain.candles import Candle
from app.ports import Coverage
from app.store import candle_sql as sql
from app.store.candle_rows import BarDecoder, BarRow, decode_chunk, decode_known, encode_known
from app.store.coverage import with_known
from app.store.engine import BUSY_TIMEOUT_SECONDS

CHUNK = 1_000
"""Rows that one driver call fetches and one list holds; the interpreter can switch threads between them."""
INSERT_BARS = f"{sql.INSERT_BARS} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) {sql.ON_CONFLICT}"

Key = tuple[str, str]
"""Instrument id and interval."""


class SqliteCandles:
    """Bars and known spans in a SQLite file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._decoder = BarDecoder()

    async def bars(self, query: str, values: Sequence[object]) -> list[Candle]:
        """What one of the queries for bars finds, in its order."""
        return await anyio.to_thread.run_sync(self._read, _numbered(query), values)

    async def chunk(self, query: str, values: Sequence[object]) -> CandleChunk:
        """The same as columns."""
        return await anyio.to_thread.run_sync(self._read_chunk, _numbered(query), values)

    async def number(self, query: str, values: Sequence[object]) -> int | None:
        """The one number that a query finds; None if it finds none."""
        return await anyio.to_thread.run_sync(self._read_number, _numbered(query), values)

    async def coverage(self, values: Sequence[object]) -> list[Coverage]:
        """What COVERAGE finds."""
        return await anyio.to_thread.run_sync(self._read_known, values)

    async def write(self, key: Key, rows: Sequence[BarRow], known: Coverage | None, at: int) -> None:
        """Upsert bars and join a known span in, all or nothing; `at` in epoch microseconds."""
        await anyio.to_thread.run_sync(self._upsert, key, rows, known, at)

    async def drop(self, key: Key, at: int) -> int:
        """Delete the bars and the coverage of a series; how many bars there were."""
        return await anyio.to_thread.run_sync(self._delete, key, at)

    def _read(self, query: str, values: Sequence[Any]) -> list[Candle]:
        found: list[Candle] = []
        with closing(self._dial()) as connection:
            cursor = connection.execute(query, values)
            while rows := cursor.fetchmany(CHUNK):
                found += self._decoder.decode(rows)
        return found

    def _read_chunk(self, query: str, values: Sequence[Any]) -> CandleChunk:
        with closing(self._dial()) as connection:
            cursor = connection.execute(query, values)
            return decode_chunk(iter(lambda: cursor.fetchmany(CHUNK), []))

    def _read_number(self, query: str, values: Sequence[Any]) -> int | None:
        with closing(self._dial()) as connection:
            row = connection.execute(query, values).fetchone()
        return row[0] if row else None

    def _read_known(self, values: Sequence[Any]) -> list[Coverage]:
        with closing(self._dial()) as connection:
            return decode_known(_execute(connection, sql.COVERAGE, *values))

    def _upsert(self, key: Key, rows: Sequence[BarRow], known: Coverage | None, at: int) -> None:
        with self._transaction() as connection:
            series = _lock(connection, key, at) or _execute(connection, sql.LOCK_NEW, *key, at).fetchone()[0]
            connection.executemany(INSERT_BARS, ((series, *row) for row in rows))
            if known is not None:
                _join(connection, series, known)

    def _delete(self, key: Key, at: int) -> int:
        with self._transaction() as connection:
            series = _lock(connection, key, at)
            _execute(connection, sql.FORGET_COVERAGE, series)
            return _execute(connection, sql.FORGET_BARS, series).rowcount

    def _dial(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(self._dial()) as connection:
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("BEGIN IMMEDIATE")  # a connection that is closed before COMMIT has done nothing
            yield connection
            connection.execute("COMMIT")


def _lock(connection: sqlite3.Connection, key: Key, at: int) -> int | None:
    found = _execute(connection, sql.LOCK, *key, at).fetchone()
    return found[0] if found else None


def _join(connection: sqlite3.Connection, series: int, known: Coverage) -> None:
    starts, ends, *_ = encode_known([known])[0]
    stored = decode_known(_execute(connection, sql.TOUCHING, series, starts, ends))
    _execute(connection, sql.FORGET_TOUCHING, series, starts, ends)
    rows = encode_known(with_known(stored, known))
    connection.executemany(_numbered(sql.INSERT_KNOWN), ((series, *row) for row in rows))


def _execute(connection: sqlite3.Connection, statement: str, *values: Any) -> sqlite3.Cursor:
    return connection.execute(_numbered(statement), values)


def _numbered(statement: str) -> str:
    return statement.replace("$", "?")
