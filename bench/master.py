"""A morning's instrument master at the real size: parse, sync, start, search. `python -m bench.master`.

Beside each time stands the longest that the event loop was held meanwhile, where the service goes on answering.
"""

import gc
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any

import anyio
import structlog
from anyio import to_thread

from app.domain.errors import UnknownInstrument
from app.domain.garbage import collections_paused
from app.domain.instruments import Instrument, InstrumentFilter, InstrumentKind
from app.domain.provenance import DataSource
from app.ports import InstrumentDump
from app.providers.kite.instruments_csv import parse_dump
from app.services.instruments.catalogue import InstrumentCatalogue
from app.services.instruments.service import InstrumentService
from app.store.engine import Database, open_database
from app.store.instruments import SqlInstrumentStore
from app.store.migrate import upgrade_database
from app.store.settings import SqlSettingStore
from bench.report import Row, ms, show
from bench.stalls import watched_loop
from tests.instruments.masters import NOVEMBER, large_master, listed
from tests.support.clock import FixedClock
from tests.support.databases import run_postgresql

ROUNDS = 5
SEARCHES = 100
"""Rounds of all texts, with and without a filter: enough for a p99."""
NEW_EACH_DAY = 2_000
DAY = 24 * 3600
TEXTS = ("b", "limited", "ind", "fut", "nifty 24500 ce", "banknifty", "finance limited", "500", "zz", "NIFTY26D")
CALLS = InstrumentFilter(kinds=frozenset({InstrumentKind.CALL}), strike_from=500, expiry_from=NOVEMBER)
HEADER = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,"
    "instrument_type,segment,exchange"
)
KITE_TYPES = {InstrumentKind.CALL: "CE", InstrumentKind.PUT: "PE", InstrumentKind.FUTURE: "FUT"}


class AlternatingMaster:
    """130,000 instruments, of which 2,000 come and go from one morning to the next."""

    source = DataSource.KITE

    def __init__(self, instruments: list[Instrument]) -> None:
        new = [listed(f"NEW{number}") for number in range(NEW_EACH_DAY)]
        other = [*instruments[NEW_EACH_DAY:], *new]
        self._masters = cycle([InstrumentDump(instruments, "a"), InstrumentDump(other, "b")])

    async def instruments(self) -> InstrumentDump:
        """The next morning's."""
        return next(self._masters)


def main() -> int:
    """Print the table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    instruments = large_master()
    gc.collect()
    gc.freeze()
    rows = anyio.run(in_memory, instruments)
    for url in databases():
        rows += anyio.run(stored, url, instruments)
    show(f"{len(instruments):,} instruments", rows)
    return 0


def databases() -> Iterator[str]:
    """A new SQLite file and a new database of a PostgreSQL of our own, both migrated, as long as they are in use."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.db'}"
        upgrade_database(url)
        yield url
    with run_postgresql() as server:
        yield server.migrated()


async def in_memory(instruments: list[Instrument]) -> list[Row]:
    """What needs no database."""
    raw = "\n".join([HEADER, *map(line, instruments)]).encode()
    catalogue = InstrumentCatalogue(instruments)
    found = [
        timed(partial(catalogue.search_page, text, each, first=100)) for _ in range(SEARCHES) for text, each in asked()
    ]
    unknown = [timed(partial(look_for, catalogue, number)) for number in range(500)]
    with collections_paused():
        parsed = await repeated("parse the CSV, in a thread", partial(in_thread, parse_dump, raw))
        built = await repeated("build the catalogue, in a thread", partial(in_thread, InstrumentCatalogue, instruments))
    return [
        parsed,
        built,
        ("search", ms(median(found)), f"p99 {ms(quantiles(found, n=100)[-1])} of {len(found):,}"),
        ("an id that does not exist, and its near matches", ms(median(unknown)), f"longest {ms(max(unknown))}"),
    ]


async def in_thread(work: Callable[[Any], object], given: object) -> None:
    """As the service does, whose loop goes on meanwhile."""
    await to_thread.run_sync(work, given)


def asked() -> Iterator[tuple[str, InstrumentFilter | None]]:
    """One letter, half of the master, a chain, many words, garbage; with and without a filter."""
    for text in TEXTS:
        yield text, None
        yield text, CALLS


def look_for(catalogue: InstrumentCatalogue, number: int) -> None:
    """An option that is not listed."""
    with suppress(UnknownInstrument):
        catalogue.require(f"NFO:NIFTY26OCT{number}CE", NOVEMBER)


async def stored(url: str, instruments: list[Instrument]) -> list[Row]:
    """What reads and writes one database."""
    async with open_database(url) as database:
        clock = FixedClock()
        source = AlternatingMaster(instruments)
        service = service_over(database, source, clock)

        async def next_morning() -> None:
            clock.advance(DAY)
            await service.sync()

        first = await repeated(f"{database.dialect}: first sync", service.sync, rounds=1)
        following = await repeated(f"{database.dialect}: a sync with {NEW_EACH_DAY:,} new and gone", next_morning)
        started: list[InstrumentService] = []  # freeing one stops everything for 100 ms, and is no part of a start

        async def start() -> None:
            started.append(service_over(database, source, clock))
            await started[-1].load()

        loaded = await repeated(f"{database.dialect}: load at a start", start)
    return [first, following, loaded]


def service_over(database: Database, source: AlternatingMaster, clock: FixedClock) -> InstrumentService:
    """A service that has loaded nothing yet."""
    return InstrumentService(SqlInstrumentStore(database, clock), source, SqlSettingStore(database, clock), clock)


async def repeated(what: str, work: Callable[[], Awaitable[object]], *, rounds: int = ROUNDS) -> Row:
    """The median time of the work, and the longest that the loop was held in any round."""
    taken, held = [], []
    for _ in range(rounds):
        async with watched_loop() as watch:
            begun = perf_counter()
            await work()
            taken.append(perf_counter() - begun)
        held.append(watch.longest)
    return what, ms(median(taken)), f"loop held {ms(median(held))}, at most {ms(max(held))}"


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    begun = perf_counter()
    work()
    return perf_counter() - begun


def line(item: Instrument) -> str:
    """A row as Kite writes it."""
    segment = "INDICES" if item.kind is InstrumentKind.INDEX else item.segment
    expiry, strike = item.expiry or "", item.strike or 0
    numbers = f"0,{expiry},{strike:g},{item.tick_size or 0},{item.lot_size or 0}"
    names = f'{item.instrument_token or 1},{item.exchange_token or 1},{item.symbol},"{item.name or ""}"'
    return f"{names},{numbers},{KITE_TYPES.get(item.kind, 'EQ')},{segment},{item.exchange.value}"


if __name__ == "__main__":
    sys.exit(main())
