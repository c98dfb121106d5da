"""How fast the candle store reads and writes, against the bare drivers. `python -m bench.candles`.

The bare read is a driver's fetch on a connection that is open already, and orjson of the rows as they are. It is
what nobody can do without; the store must take no more than twice as long to hand out finished bars.
"""

import gc
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from operator import attrgetter
from pathlib import Path

import anyio
import orjson
from rich.console import Console
from rich.table import Table

from app.domain.candles import Candle, CandleRange, Interval
from app.domain.provenance import DataSource
from app.ports import Coverage
from app.store import candle_sql as sql
from app.store.candle_rows import opening_second
from app.store.candles import SqlCandleStore
from app.store.engine import Database, dial_postgresql, open_database
from app.store.migrate import upgrade_database
from bench.report import keep
from bench.stalls import watched_loop
from bench.timing import Work, medians
from tests.support.clock import FixedClock
from tests.support.databases import run_postgresql

READ, LONGEST = 5_000, 50_000
"""Bars of an ordinary long chart, and of the longest answer."""
ROUNDS = 60
WRITES = 5
ALLOWED_RATIO = 2.0
CHUNK = "chunk(), as the history service reads"
ALLOWED_WRITE = 1.0
"""Seconds for LONGEST bars."""

START = datetime(2026, 1, 5, 3, 45, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
INFY, ONE = "NSE:INFY", Interval.MINUTE
SPAN = CandleRange(START + 20_000 * MINUTE, START + (20_000 + READ) * MINUTE)
WHOLE = CandleRange(START, START + LONGEST * MINUTE)

prices = attrgetter("open", "high", "low", "close", "volume", "open_interest")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table. Times in seconds."""

    database: str
    what: str
    taken: float
    ratio: float | None = None
    """To the bare read of the same rows."""
    allowed: float | None = None
    """The greatest ratio, or the longest time where there is no ratio."""

    @property
    def is_over(self) -> bool:
        """Whether it took longer than it may."""
        measured = self.taken if self.ratio is None else self.ratio
        return self.allowed is not None and measured > self.allowed


def main() -> int:
    """Print the table; 1 if something took longer than it may."""
    lines: list[Line] = []
    for url in databases():
        lines += anyio.run(measure, url)
    show(lines)
    return int(any(line.is_over for line in lines))


def databases() -> Iterator[str]:
    """A new SQLite file and a new database of a PostgreSQL of our own, both migrated, as long as they are in use."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.db'}"
        upgrade_database(url)
        yield url
    with run_postgresql() as server:
        yield server.migrated()


async def measure(url: str) -> list[Line]:
    """The lines of one database. What is there already is exempt from garbage collections, as in the service."""
    bars = [bar(number) for number in range(LONGEST)]
    gc.collect()
    gc.freeze()
    async with open_database(url) as database:
        store = SqlCandleStore(database, FixedClock())
        lines = await writes(database, store, bars)
        lines += await stalls(database, store, bars)
        async with bare_read(database) as bare:
            lines += await reads(database, store, bare)
    return lines


async def writes(database: Database, store: SqlCandleStore, bars: list[Candle]) -> list[Line]:
    """The longest answer, into a new series and into one that has all of it."""
    known = Coverage(WHOLE, DataSource.KITE, START)
    numbers = count()
    works: dict[str, Work] = {
        "new": lambda: store.save(f"NSE:NEW{next(numbers)}", ONE, bars, known),
        "there before": lambda: store.save(INFY, ONE, bars, known),
    }
    taken = await medians(works, rounds=WRITES)
    return [
        Line(database.dialect, f"save {LONGEST:,} bars, {what}", each, allowed=ALLOWED_WRITE)
        for what, each in taken.items()
    ]


async def stalls(database: Database, store: SqlCandleStore, bars: list[Candle]) -> list[Line]:
    """How long the event loop does not come round while the longest answer is written and read."""
    known = Coverage(WHOLE, DataSource.KITE, START)
    works: dict[str, Work] = {
        "save": lambda: store.save("NSE:STALL", ONE, bars, known),
        "read": lambda: store.bars("NSE:STALL", ONE, WHOLE),
    }
    lines = []
    for what, work in works.items():
        async with watched_loop() as watch:
            await work()
        lines.append(Line(database.dialect, f"longest stall of the loop: {what} {LONGEST:,} bars", watch.longest))
    return lines


async def reads(database: Database, store: SqlCandleStore, bare: Work) -> list[Line]:
    """The bare read and ours, in turns."""

    async def encoded() -> bytes:
        found = await store.bars(INFY, ONE, SPAN)
        return orjson.dumps([(int(each.time.timestamp()), *prices(each), 1) for each in found])

    if await encoded() != await bare():
        msg = "the store and the driver do not read the same rows"
        raise AssertionError(msg)
    works: dict[str, Work] = {
        "bare fetch and orjson": bare,
        "bars()": lambda: store.bars(INFY, ONE, SPAN),
        "bars(), encoded to the same bytes": encoded,
        "bars() of a store that is new": lambda: SqlCandleStore(database, FixedClock()).bars(INFY, ONE, SPAN),
        CHUNK: lambda: store.chunk(INFY, ONE, SPAN),
        "last_bars()": lambda: store.last_bars(INFY, ONE, before=SPAN.end, count=READ),
    }
    taken = await medians(works, rounds=ROUNDS)
    base = taken["bare fetch and orjson"]
    return [
        Line(
            database.dialect,
            f"{READ:,}: {what}",
            each,
            each / base,
            ALLOWED_RATIO if what in {"bars()", CHUNK} else None,
        )
        for what, each in taken.items()
    ]


@asynccontextmanager
async def bare_read(database: Database) -> AsyncIterator[Work]:
    """The driver alone, on a connection of its own."""
    values = INFY, ONE.value, opening_second(SPAN.start), opening_second(SPAN.end)
    if database.address.path is not None:
        with closing(sqlite3.connect(database.address.path)) as connection:
            query = sql.BARS.replace("$", "?")

            async def read_sqlite() -> bytes:
                return orjson.dumps(connection.execute(query, values).fetchall())

            yield read_sqlite
        return
    driver = await dial_postgresql(database.address, command_timeout=None)
    try:

        async def read_postgresql() -> bytes:
            return orjson.dumps(list(map(tuple, await driver.fetch(sql.BARS, *values))))

        yield read_postgresql
    finally:
        await driver.close()


def bar(number: int) -> Candle:
    """A bar with prices of two decimals, as an exchange sends them."""
    price = 1_500 + number % 997 / 20
    return Candle(START + number * MINUTE, price, price + 1.05, price - 0.95, price + 0.35, 10_000 + number)


def show(lines: list[Line]) -> None:
    """The table, on standard output."""
    rows: list[tuple[str, ...]] = []
    table = Table("database", "what", "median ms", "ratio", "allowed")
    for line in lines:
        ratio = "" if line.ratio is None else f"{line.ratio:.2f} x"
        unit = "s" if line.ratio is None else "x"
        allowed = "" if line.allowed is None else f"{line.allowed:g} {unit}{', OVER' if line.is_over else ''}"
        rows.append((line.database, line.what, f"{line.taken * 1000:.2f}", ratio, allowed))
        table.add_row(*rows[-1])
    keep("candle store", rows)
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
