"""The instrument service: holds the master in use and renews it each morning.

Ids and searches come in, instruments go out. Everything that takes an id asks here; the runtime calls `load` at
the start and owns `run`.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime

import anyio
import anyio.to_thread
import structlog

from app.domain.changes import ChangeSignal
from app.domain.errors import MarketDataError
from app.domain.garbage import collections_paused, return_freed_memory
from app.domain.instruments import Instrument, InstrumentFilter
from app.domain.time import ist_date
from app.ports import Clock, InstrumentSource, InstrumentStore, SettingStore, SyncReport
from app.services.instruments.catalogue import PAGE, InstrumentCatalogue
from app.services.instruments.master import (
    GRACE,
    MasterRecord,
    MasterStatus,
    last_due,
    next_due,
    require_believable,
)
from app.services.instruments.pages import SearchPage

RECORD = "instrument_master"
"""Name of the setting that holds the MasterRecord."""
FIRST_RETRY = 5.0
"""Seconds after the first failure: a hiccup is over by then."""
LONGEST_RETRY = 300.0
"""Kite's master endpoint answers frequent callers with 502 (kite.trade/forum 40210)."""
LONGEST_NAP = 60.0
"""Seconds between looks at the clock: a laptop that slept over the morning syncs a minute after it wakes."""

PORTION = 500
"""Instruments that are freed at once; 0.1 ms."""

log = structlog.get_logger()


def _uncounted(_: str) -> None:
    """Nobody counts."""


def _nothing(_: str) -> Instrument | None:
    return None


@dataclass(frozen=True, slots=True)
class Beside:
    """Instruments that are not of the master, by their ids. Both may raise InvalidInput for what is no id."""

    always: Callable[[str], Instrument | None] = _nothing
    """Those that no master has, such as another source's own."""
    without_master: Callable[[str], Instrument | None] = _nothing
    """What an id stands for while there is no master at all."""


NOTHING_BESIDE = Beside()


class InstrumentService:
    """The master in use, swapped as a whole. Look-ups never wait; satisfies ports.InstrumentLookup and ports.Changes.

    A failed sync keeps the last master and says so in `status`. Cancel-safe: a sync that is cancelled has either
    stored the new master, which the next start loads, or changed nothing.
    """

    def __init__(  # noqa: PLR0913 - its stores, and what tests replace by keyword
        self,
        store: InstrumentStore,
        source: InstrumentSource,
        settings: SettingStore,
        clock: Clock,
        *,
        sleep: Callable[[float], Awaitable[object]] = anyio.sleep,
        on_sync: Callable[[str], None] = _uncounted,
        beside: Beside = NOTHING_BESIDE,
    ) -> None:
        """`on_sync` is told how each sync ended: changed, unchanged or failed."""
        self._store = store
        self._source = source
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._on_sync = on_sync
        self._beside = beside
        self._catalogue = InstrumentCatalogue(())
        self._record: MasterRecord | None = None
        self._last_attempt_at: datetime | None = None
        self._last_error: str | None = None
        self._changed = ChangeSignal()
        self._one_at_a_time = asyncio.Lock()
        self.ready = asyncio.Event()
        """Set as soon as there is a master."""

    @property
    def catalogue(self) -> InstrumentCatalogue:
        """The master in use; whoever keeps it keeps that day's."""
        return self._catalogue

    @property
    def status(self) -> MasterStatus:
        """The state of the master at this moment."""
        now = self._clock.now()
        return MasterStatus(
            source=self._source.source,
            total=len(self._catalogue),
            synced_at=None if self._record is None else self._record.synced_at,
            last_attempt_at=self._last_attempt_at,
            last_error=self._last_error,
            stale=not self._catalogue or (self._is_due(now) and now >= last_due(now) + GRACE),
        )

    def changes(self) -> AsyncIterator[None]:
        """One item at once, then one after each change of `status`."""
        return self._changed.changes()

    # ------------------------------------------------------------ look-ups

    def find(self, instrument_id: str) -> Instrument | None:
        """The instrument with exactly this id; None if it does not exist or has expired."""
        found = self._catalogue.find(instrument_id) or self._elsewhere(instrument_id)
        return None if found is None or is_expired(found, self._clock.now) else found

    def require(self, instrument_id: str) -> Instrument:
        """The instrument with this id.

        Raises InvalidInput for what is no id, UnknownInstrument, with near matches, for what does not exist or has
        expired: an expired contract's token may belong to another one by now.
        """
        if self._catalogue.find(instrument_id) is None:
            found = self._elsewhere(instrument_id)
            if found is not None:
                return found
        return self._catalogue.require(instrument_id, self._today())

    def _elsewhere(self, instrument_id: str) -> Instrument | None:
        found = self._beside.always(instrument_id)
        return self._beside.without_master(instrument_id) if found is None and not self._catalogue else found

    def by_token(self, token: int) -> Instrument | None:
        """The instrument with this token; None if there is none or it has expired."""
        found = self._catalogue.by_token(token)
        return None if found is None or is_expired(found, self._clock.now) else found

    def has_derivatives(self, instrument_id: str) -> bool:
        """Whether futures or options are written on it."""
        return self._catalogue.has_derivatives(instrument_id)

    def derivatives_of(self, underlying_id: str) -> list[Instrument]:
        """Its futures and options that have not expired: futures first, each by expiry, strike and symbol."""
        today = self._today()
        return [item for item in self._catalogue.derivatives_of(underlying_id) if (item.expiry or today) >= today]

    def search_page(
        self, text: str, narrowed: InstrumentFilter | None = None, *, first: int = PAGE, after: str | None = None
    ) -> SearchPage:
        """The instruments that match, best first; see InstrumentCatalogue.search_page. Raises InvalidInput."""
        return self._catalogue.search_page(text, narrowed, first=first, after=after, today=self._today())

    # ------------------------------------------------------------ the morning's work

    async def load(self) -> None:
        """Take the stored master into use, if there is one and it came from this source."""
        record = MasterRecord.from_json(await self._settings.get(RECORD))
        if record is None or record.source is not self._source.source:
            return
        with collections_paused():
            instruments = await self._store.current()
            catalogue = await anyio.to_thread.run_sync(InstrumentCatalogue, instruments, record.synced_on)
        if catalogue:
            await self._adopt(catalogue, record)
            log.info("instrument_master_loaded", total=len(catalogue), synced_at=record.synced_at.isoformat())

    async def sync(self, *, force: bool = False) -> SyncReport:
        """Fetch today's master, store it and take it into use. Calls at once go one after the other.

        Raises SourceError, and MalformedPayload for a master that is empty or, unless forced, has shrunk to less
        than half; then the last master stays in use and `status` says why.
        """
        async with self._one_at_a_time:
            self._last_attempt_at = self._clock.now()
            try:
                report = await self._sync(force=force)
            except Exception as error:
                self._last_error = error.message if isinstance(error, MarketDataError) else _unexpected(error)
                self._changed.fire()
                self._on_sync("failed")
                raise
            self._on_sync("changed" if report.added or report.changed or report.gone else "unchanged")
            log.info("instrument_master_synced", **_counts(report))
            return report

    async def run(self) -> None:
        """Sync whenever a new master is due: at the start if it is, then each morning; on failure again and again."""
        while True:
            if self._is_due(self._clock.now()):
                await self._sync_until_done()
            now = self._clock.now()
            await self._sleep(min(LONGEST_NAP, (next_due(now) - now).total_seconds()))

    async def _sync_until_done(self) -> None:
        pause = FIRST_RETRY
        while True:
            try:
                await self.sync()
            except MarketDataError as error:
                log.warning("instrument_sync_failed", code=error.code, error=error.message, again_in_seconds=pause)
            else:
                return
            await self._sleep(pause)
            pause = min(2 * pause, LONGEST_RETRY)

    async def _sync(self, *, force: bool) -> SyncReport:
        dump = await self._source.instruments()
        require_believable(dump, self._source.source, 0 if force else len(self._catalogue))
        digest, instruments = dump.digest, list(dump.instruments)
        del dump  # so that what `reuse_known` replaces is freed there, one by one
        if self._is_in_use(digest):
            await anyio.to_thread.run_sync(let_go, instruments)
            report = SyncReport(self._clock.now(), len(self._catalogue), added=0, changed=0, gone=0)
            await self._remember(report, digest)
            return report
        with collections_paused():
            await anyio.to_thread.run_sync(reuse_known, instruments, self._catalogue)
            report = await self._store.replace_master(instruments, seen_on=self._today())
            catalogue = await anyio.to_thread.run_sync(InstrumentCatalogue, instruments, self._today())
        await self._adopt(catalogue, await self._remember(report, digest))
        return report

    def _is_in_use(self, digest: str) -> bool:
        """Whether this very master was stored today: then there is nothing to do."""
        record = self._record
        return (
            record is not None
            and record.digest == digest
            and record.synced_on == self._today()
            and len(self._catalogue) > 0
        )

    async def _remember(self, report: SyncReport, digest: str) -> MasterRecord:
        record = MasterRecord(self._source.source, report.synced_at, digest)
        await self._settings.put(RECORD, record.to_json())
        self._record, self._last_error = record, None
        self._changed.fire()
        return record

    async def _adopt(self, catalogue: InstrumentCatalogue, record: MasterRecord) -> None:
        """Swap the master in use at once; the old one's instruments are let go in small portions, in a thread."""
        rows = self._catalogue.instruments()
        self._catalogue, self._record = catalogue, record
        self.ready.set()
        self._changed.fire()
        await anyio.to_thread.run_sync(let_go, rows)

    def _is_due(self, now: datetime) -> bool:
        return not self._catalogue or self._record is None or self._record.synced_at < last_due(now)

    def _today(self) -> date:
        return ist_date(self._clock.now())


def is_expired(instrument: Instrument, now: Callable[[], datetime]) -> bool:
    """Whether its last day is over in India; the clock is only looked at for what expires at all."""
    return instrument.expiry is not None and instrument.expiry < ist_date(now())


def reuse_known(instruments: list[Instrument], known: InstrumentCatalogue) -> None:
    """Put the object in use in the place of each one that equals it: two masters then take the room of one."""
    for place, new in enumerate(instruments):
        old = known.find(new.id)
        if old == new:
            instruments[place] = old


def let_go(rows: list[Instrument]) -> None:
    """Empty the list in portions: freeing 130,000 instruments at once would stop every thread for 30 ms.

    What was needed beside them goes back to the system as well.
    """
    while rows:
        del rows[-PORTION:]
        time.sleep(0)
    return_freed_memory()


def _unexpected(error: Exception) -> str:
    return f"the sync failed with {type(error).__name__}; see the log"


def _counts(report: SyncReport) -> dict[str, int]:
    return {"total": report.total, "added": report.added, "changed": report.changed, "gone": report.gone}
