"""History for a command: the store, the sources behind it, and nothing that stays live.

Settings come in; a Library goes to the work of a command. The service may run on the same database meanwhile: both
store whole spans, so neither disturbs the other.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import anyio
from anyio import to_thread

from app.clock import SystemClock
from app.domain.errors import LoginRequired, MarketDataError
from app.joining import join_history, join_instruments, kite_config, load_configured_calendar, yahoo_config
from app.parts import Store
from app.ports import Clock, JobStore
from app.providers.kite.adapter import Kite, build_kite
from app.providers.yahoo.adapter import Yahoo, build_yahoo
from app.redaction import Secrets
from app.runtime import open_store, require_world
from app.services.history.routed import RoutedHistory
from app.services.instruments.service import InstrumentService
from app.services.phases import PhaseService
from app.settings import Settings
from app.sources import join_sources
from app.store.jobs import SqlJobStore
from app.store.sessions import SqlSessionStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Library:
    """What a command reads history with."""

    instruments: InstrumentService
    history: RoutedHistory
    clock: Clock
    jobs: JobStore
    """What jobs the service had."""


async def with_library(
    settings: Settings, secrets: Secrets, work: Callable[[Library], Awaitable[T]], *, offline: bool = False
) -> T:
    """What the work returns. The master is there and of today; the session is the one that the service saved.

    `offline`: no source will be asked, so the master may be older, and there is no session. Raises MarketDataError, of
    the work or of a master that could not be had.
    """
    clock = SystemClock()
    async with open_store(settings, clock) as store:
        await require_world(store.settings, settings.world)
        kite = await to_thread.run_sync(lambda: build_kite(kite_config(settings), clock=clock))
        yahoo = build_yahoo(yahoo_config(settings), clock=clock) if settings.has_yahoo else None
        try:
            grant = None if offline else await SqlSessionStore(store.database, store.sealer, clock).load()
            secrets.add(grant.access_token if grant else None)
            kite.tokens.replace(grant.access_token if grant else None)
            library = await to_thread.run_sync(_join, settings, store, kite, yahoo, clock)
            await library.instruments.load()
            if library.instruments.status.stale and settings.kite_api_key and not offline:
                await library.instruments.sync()
            return await _work_beside(library, work)
        finally:
            kite.close()
            if yahoo is not None:
                yahoo.close()


def remedy(error: MarketDataError) -> str:
    """The error in one line for a person in a terminal."""
    if isinstance(error, LoginRequired):
        return f"{error.code}: {error.message}, then run this again"
    return f"{error.code}: {error.message}"


def _join(settings: Settings, store: Store, kite: Kite, yahoo: Yahoo | None, clock: Clock) -> Library:
    """Blocking, since the calendar is read."""
    instruments = join_instruments(store, kite, yahoo, clock)
    phases = PhaseService(load_configured_calendar(settings.calendar), instruments.has_derivatives)
    sources = join_sources(
        settings, kite=kite, kite_ticks=None, yahoo=yahoo, yahoo_ticks=None, clock=clock, on_change=_unseen
    )
    history = join_history(store, sources, phases, clock)
    return Library(instruments, history, clock, SqlJobStore(store.database, clock))


def _unseen() -> None:
    """Nobody watches the circuits of a command."""


async def _work_beside(library: Library, work: Callable[[Library], Awaitable[T]]) -> T:
    """The work, while the history service carries out its requests. Its error comes out as it is, in no group."""
    results: list[T] = []
    failures: list[MarketDataError] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(library.history.run)
        try:
            results.append(await work(library))
        except MarketDataError as error:
            failures.append(error)
        tasks.cancel_scope.cancel()
    if failures:
        raise failures[0]
    return results[0]
