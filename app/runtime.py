"""The one place where parts are chosen and joined.

Settings come in, a running service's parts go out, in an async context manager: what `open_runtime` starts, it ends.
Called by `app.main` for the server and by the commands that need a part of it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import anyio
from anyio import to_thread

from app.clock import SystemClock
from app.domain.provenance import DataSource
from app.joining import join
from app.logs import secrets_of
from app.parts import DEFAULT_TIMING, Runtime, Store, Timing
from app.ports import Clock, SettingStore
from app.redaction import Secrets
from app.settings import Settings
from app.store.address import default_database_url
from app.store.engine import open_database
from app.store.migrate import upgrade_database
from app.store.sealing import open_sealer
from app.store.settings import SqlSettingStore
from app.supervision import supervised

WORLD = "world"
"""Name of the setting that says whether a database holds real or simulated data."""


class MixedWorldsError(Exception):
    """The database holds data of the other kind: real where the source is the sandbox, or the reverse."""


@asynccontextmanager
async def open_runtime(
    settings: Settings,
    *,
    clock: Clock | None = None,
    secrets: Secrets | None = None,
    timing: Timing = DEFAULT_TIMING,
) -> AsyncIterator[Runtime]:
    """Everything of a service, migrated, restored and running until the context is left.

    `secrets` learns each token, so that no log shows it. Raises MixedWorldsError, SealingKeyError, CalendarError or
    what the database's driver raises: each says what to do.
    """
    clock = clock or SystemClock()
    secrets = secrets or secrets_of(settings)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(settings, clock))
        await require_world(store.settings, settings.world)
        runtime = await to_thread.run_sync(join, settings, clock, store, secrets, timing)
        stack.callback(runtime.kite.close)
        if runtime.yahoo is not None:
            stack.callback(runtime.yahoo.close)
        await runtime.instruments.load()
        await runtime.sessions.restore()
        tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(tasks.cancel_scope.cancel)
        for name, run in _parts(runtime):
            tasks.start_soon(supervised, name, run, clock, name=name)
        yield runtime


@asynccontextmanager
async def open_store(settings: Settings, clock: Clock) -> AsyncIterator[Store]:
    """The database at the newest migration, with the sealer of its secrets."""
    sealer = await to_thread.run_sync(open_sealer, _secrets_key(settings), settings.data_dir)
    url = default_database_url(settings.database_url, settings.data_dir)
    await to_thread.run_sync(upgrade_database, url)
    async with open_database(url) as database:
        yield Store(database, sealer, SqlSettingStore(database, clock))


async def require_world(store: SettingStore, source: DataSource) -> None:
    """Mark a new database as real or simulated; raises MixedWorldsError if it is marked as the other."""
    world = "simulated" if source is DataSource.SANDBOX else "real"
    found = await store.get(WORLD)
    if found is None:
        await store.put(WORLD, world)
    elif found != world:
        msg = f"this database holds {found} data and the source is {source}: use another DATA_DIR or DATABASE_URL"
        raise MixedWorldsError(msg)


def _parts(runtime: Runtime) -> Iterable[tuple[str, Callable[[], Awaitable[None]]]]:
    """What runs in the background, by name."""
    return (
        ("feed", runtime.feed.run),
        ("listings", partial(runtime.feed.follow, runtime.instruments, runtime.instruments)),
        ("quotes", runtime.quotes.run),
        *((f"quotes_{name}", quotes.run) for name, quotes in runtime.quotes_of.items()),
        ("market", runtime.market.run),
        ("history", runtime.history.run),
        ("live_candles", runtime.live_candles.run),
        ("jobs", runtime.jobs.run),
        ("instruments", runtime.instruments.run),
        ("sessions", runtime.sessions.run),
        ("providers", runtime.providers.run),
    )


def _secrets_key(settings: Settings) -> str | None:
    return settings.secrets_key.get_secret_value() if settings.secrets_key else None
