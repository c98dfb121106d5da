"""Candles in PostgreSQL, over the driver's own connections from the pool, on the event loop. For `SqlCandleStore`.

SQLAlchemy would build a row object and a result of its own for each bar. Here asyncpg decodes rows as they arrive,
and takes bars as arrays; both go in pieces that hold the event loop for a few milliseconds.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread

from app.domain.candle_chunks import CandleChunk
from app.domain.candles import Candle
from app.ports import Coverage
from app.store import candle_sql as sql
from app.store.candle_rows import BarDecoder, BarRow, decode_chunk, decode_known, encode_known
from app.store.coverage import with_known
from app.store.engine import Database

CHUNK = 2_000
"""Bars that are encoded or decoded at a time: about 2 ms."""
COLUMNS = "$2::bigint[], $3::float8[], $4::float8[], $5::float8[], $6::float8[], $7::bigint[], $8::bigint[], $9::int2[]"
INSERT_BARS = f"{sql.INSERT_BARS} SELECT $1::int, * FROM unnest({COLUMNS}) {sql.ON_CONFLICT}"  # noqa: S608 -- our own text

Key = tuple[str, str]
"""Instrument id and interval."""


class PostgresqlCandles:
    """Bars and known spans in a PostgreSQL database. Belongs to one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._decoder = BarDecoder()

    async def bars(self, query: str, values: Sequence[object]) -> list[Candle]:
        """What one of the queries for bars finds, in its order."""
        async with self._driver() as connection:
            rows = await connection.fetch(query, *values)
        found: list[Candle] = []
        for first in range(0, len(rows), CHUNK):
            found += self._decoder.decode(rows[first : first + CHUNK])
            await anyio.lowlevel.checkpoint()
        return found

    async def chunk(self, query: str, values: Sequence[object]) -> CandleChunk:
        """The same as columns."""
        async with self._driver() as connection:
            rows = await connection.fetch(query, *values)
        batches = (rows[first : first + CHUNK] for first in range(0, len(rows), CHUNK))
        return await anyio.to_thread.run_sync(decode_chunk, batches)

    async def number(self, query: str, values: Sequence[object]) -> int | None:
        """The one number that a query finds; None if it finds none."""
        async with self._driver() as connection:
            found: int | None = await connection.fetchval(query, *values)
        return found

    async def coverage(self, values: Sequence[object]) -> list[Coverage]:
        """What COVERAGE finds."""
        async with self._driver() as connection:
            return decode_known(await connection.fetch(sql.COVERAGE, *values))

    async def write(self, key: Key, rows: Sequence[BarRow], known: Coverage | None, at: int) -> None:
        """Upsert bars and join a known span in, all or nothing; `at` in epoch microseconds."""
        async with self._transaction() as connection:
            series = await connection.fetchval(sql.LOCK, *key, at)
            if series is None:
                series = await connection.fetchval(sql.LOCK_NEW, *key, at)
            for first in range(0, len(rows), CHUNK):
                await connection.execute(INSERT_BARS, series, *zip(*rows[first : first + CHUNK], strict=True))
            if known is not None:
                await _join(connection, series, known)

    async def drop(self, key: Key, at: int) -> int:
        """Delete the bars and the coverage of a series; how many bars there were."""
        async with self._transaction() as connection:
            series = await connection.fetchval(sql.LOCK, *key, at)
            await connection.execute(sql.FORGET_COVERAGE, series)
            status: str = await connection.execute(sql.FORGET_BARS, series)
            return int(status.removeprefix("DELETE "))

    @asynccontextmanager
    async def _driver(self) -> AsyncIterator[Any]:
        async with self._database.engine.connect() as pooled:
            yield (await pooled.get_raw_connection()).driver_connection

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Any]:
        async with self._driver() as connection:
            with anyio.CancelScope(shield=True):  # it ends in good order, within the timeout of its statements
                async with connection.transaction():
                    yield connection


async def _join(connection: Any, series: int, known: Coverage) -> None:
    starts, ends, *_ = encode_known([known])[0]
    stored = decode_known(await connection.fetch(sql.TOUCHING, series, starts, ends))
    await connection.execute(sql.FORGET_TOUCHING, series, starts, ends)
    rows = encode_known(with_known(stored, known))
    await connection.executemany(sql.INSERT_KNOWN, [(series, *row) for row in rows])
