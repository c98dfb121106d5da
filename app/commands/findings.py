"""What `doctor` looks at: one function a subject, each with its findings. No check changes anything that lasts.

Settings come in, findings go out; a check that raises becomes a finding itself.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import anyio
import httpx
from anyio import to_thread

from app.commands.ports import port_fault, sandbox_port
from app.domain.calendar_data import CalendarError
from app.domain.errors import MarketDataError
from app.domain.provenance import DataSource
from app.domain.time import ist_date
from app.joining import kite_config, load_configured_calendar, yahoo_config
from app.ports import Clock
from app.providers.kite.adapter import build_kite
from app.runtime import WORLD
from app.settings import Settings
from app.store.address import DatabaseAddress, default_database_url, parse_database_url
from app.store.engine import Database, open_database
from app.store.instruments import SqlInstrumentStore
from app.store.migrate import is_migrated
from app.store.sealing import KEY_FILE, SealingKeyError, open_sealer
from app.store.sessions import SqlSessionStore
from app.store.settings import SqlSettingStore

CHECK_SECONDS = 15.0
"""The slowest check waits for Kite, whose own timeout is 7 s."""
CALENDAR_WARNING_DAYS = 30
"""The exchanges publish next year's holidays in December."""


class Level(StrEnum):
    """How a subject stands."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the table."""

    subject: str
    level: Level
    text: str
    remedy: str = ""


Check = Callable[[Settings, Clock], Awaitable[list[Finding]]]


async def examine(settings: Settings, clock: Clock) -> list[Finding]:
    """All findings, in the order of the checks."""
    findings: list[Finding] = []
    for subject, check in CHECKS.items():
        findings += await _guarded(subject, check, settings, clock)
    return findings


async def _guarded(subject: str, check: Check, settings: Settings, clock: Clock) -> list[Finding]:
    try:
        with anyio.fail_after(CHECK_SECONDS):
            return await check(settings, clock)
    except TimeoutError:
        return [Finding(subject, Level.FAIL, f"no answer within {CHECK_SECONDS:g} s")]
    except Exception as error:  # noqa: BLE001 # a doctor who faints helps nobody
        return [Finding(subject, Level.FAIL, f"{type(error).__name__}: {error}")]


async def look_at_source(settings: Settings, _clock: Clock) -> list[Finding]:
    """Which world this is, and whether there is a key to it."""
    kite_config(settings)
    label = f"{settings.source}, {settings.kite_api_url}"
    if not settings.kite_api_key:
        remedy = "set KITE_API_KEY and KITE_API_SECRET, or use `kite-services run` for the sandbox"
        return [Finding("source", Level.WARN, f"{label}: DISABLED, no api key", remedy)]
    if not settings.kite_api_secret.get_secret_value():
        return [Finding("source", Level.FAIL, f"{label}: no api secret", "set KITE_API_SECRET")]
    return [Finding("source", Level.OK, label)]


async def look_at_data_dir(settings: Settings, _clock: Clock) -> list[Finding]:
    """Whether what lasts can be written, and whether the key is ours alone."""
    return await to_thread.run_sync(_data_dir, settings)


def _data_dir(settings: Settings) -> list[Finding]:
    folder = settings.data_dir.absolute()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        return [Finding("data", Level.FAIL, f"{nearest} cannot be written", "set DATA_DIR, or give us the right")]
    found = [Finding("data", Level.OK, str(folder) if nearest == folder else f"{folder} (will be made)")]
    key_file = folder / KEY_FILE
    if settings.secrets_key is None and not key_file.exists():
        return [*found, Finding("key", Level.OK, f"{key_file} (will be made)")]
    try:
        open_sealer(settings.secrets_key.get_secret_value() if settings.secrets_key else None, folder)
    except SealingKeyError as error:
        return [*found, Finding("key", Level.FAIL, str(error), "kite-services secret-key prints a new one")]
    return [*found, Finding("key", Level.OK, "SECRETS_KEY" if settings.secrets_key else str(key_file))]


async def look_at_database(settings: Settings, clock: Clock) -> list[Finding]:
    """Whether it answers, has our schema, and holds data of this world; then what is in it."""
    address = parse_database_url(_url(settings))
    if await _is_to_be_made(address):
        return [Finding("database", Level.OK, f"{address} (will be made)")]
    async with open_database(_url(settings)) as database:
        await database.ping()
        if not await is_migrated(database):
            return [Finding("database", Level.WARN, f"{address}: not migrated", "kite-services migrate")]
        found = [Finding("database", Level.OK, f"{address}: migrated")]
        return [*found, *await _contents(settings, clock, database)]


async def _contents(settings: Settings, clock: Clock, database: Database) -> list[Finding]:
    world = await SqlSettingStore(database, clock).get(WORLD)
    ours = "simulated" if settings.world is DataSource.SANDBOX else "real"
    if world not in (None, ours):
        remedy = "use another DATA_DIR or DATABASE_URL for each world"
        return [Finding("world", Level.FAIL, f"the database holds {world} data, the source is {ours}", remedy)]
    instruments = len(await SqlInstrumentStore(database, clock).current())
    if not instruments:
        return [Finding("instruments", Level.WARN, "none yet", "kite-services sync, or start the service")]
    return [Finding("instruments", Level.OK, f"{instruments:,}")]


async def look_at_session(settings: Settings, clock: Clock) -> list[Finding]:
    """Whether somebody is logged in and Kite still agrees; nothing without a key or a database."""
    if not settings.kite_api_key or await _is_to_be_made(parse_database_url(_url(settings))):
        return []
    key = settings.secrets_key.get_secret_value() if settings.secrets_key else None
    sealer = await to_thread.run_sync(open_sealer, key, settings.data_dir)
    async with open_database(_url(settings)) as database:
        grant = await SqlSessionStore(database, sealer, clock).load() if await is_migrated(database) else None
    log_in = f"open {settings.login_link} while the service runs"
    if grant is None:
        return [Finding("session", Level.WARN, "nobody is logged in to Kite", log_in)]
    kite = await to_thread.run_sync(lambda: build_kite(kite_config(settings), clock=clock))
    try:
        accepted = await kite.login.verify(grant.access_token)
    except MarketDataError as error:
        return [Finding("session", Level.FAIL, f"Kite could not be asked: {error.message}", "check the network")]
    finally:
        kite.close()
    if not accepted:
        return [Finding("session", Level.WARN, f"Kite no longer accepts the session of {grant.user_id}", log_in)]
    return [Finding("session", Level.OK, f"{grant.user_id}, until {grant.expires_at:%Y-%m-%d %H:%M} UTC")]


async def look_at_kite(settings: Settings, _clock: Clock) -> list[Finding]:
    """Whether Kite's address answers at all, whatever it says."""
    if not settings.kite_api_key:
        return []
    try:
        async with httpx.AsyncClient(timeout=7.0, trust_env=False) as client:
            answer = await client.get(settings.kite_api_url)
    except httpx.HTTPError as error:
        remedy = "check the network and KITE_API_URL"
        return [Finding("Kite", Level.FAIL, f"{settings.kite_api_url}: {type(error).__name__}", remedy)]
    return [Finding("Kite", Level.OK, f"{settings.kite_api_url} answers (HTTP {answer.status_code})")]


async def look_at_yahoo(settings: Settings, _clock: Clock) -> list[Finding]:
    """Whether there is a Yahoo in this world, and its address answers at all, whatever it says."""
    if not settings.yahoo_api_url:
        return [Finding("Yahoo", Level.OK, "DISABLED, YAHOO_API_URL is empty")]
    if not settings.has_yahoo:
        text = f"{settings.yahoo_source}, {settings.yahoo_api_url}: DISABLED beside {settings.kite_api_url}"
        remedy = "set YAHOO_API_URL and YAHOO_STREAM_URL to the same world as Kite's addresses"
        return [Finding("Yahoo", Level.WARN, text, remedy)]
    yahoo_config(settings)
    label = f"{settings.yahoo_source}, {settings.yahoo_api_url}"
    try:
        async with httpx.AsyncClient(timeout=7.0, trust_env=False) as client:
            answer = await client.get(settings.yahoo_api_url)
    except httpx.HTTPError as error:
        level = Level.WARN if settings.kite_api_key else Level.FAIL
        remedy = "check the network and YAHOO_API_URL; without it there are no world markets, and nobody stands in"
        return [Finding("Yahoo", level, f"{label}: {type(error).__name__}", remedy)]
    return [Finding("Yahoo", Level.OK, f"{label} answers (HTTP {answer.status_code})")]


async def look_at_ports(settings: Settings, _clock: Clock) -> list[Finding]:
    """Whether the ports are free, or held by a service of ours, which then tells how it is."""
    fault = port_fault(settings.service_host, settings.service_port, "SERVICE_PORT")
    if fault is None:
        text = f"{settings.service_port} is free; `run` would put the sandbox at {sandbox_port(settings)}"
        return [Finding("port", Level.OK, text)]
    try:
        async with httpx.AsyncClient(timeout=5.0, trust_env=False) as client:
            health = (await client.get(f"{settings.base_url}/health/ready")).json()
        reasons = [f"{name}: {check['reason']}" for name, check in health["checks"].items() if check["reason"]]
        level = {"ready": Level.OK, "degraded": Level.WARN}.get(health["status"], Level.FAIL)
        return [Finding("service", level, f"runs at {settings.base_url}: {health['status']}", "; ".join(reasons))]
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
        return [Finding("port", Level.FAIL, fault, "")]


async def look_at_calendar(settings: Settings, clock: Clock) -> list[Finding]:
    """Whether the calendar can be read, and for how long it is known."""
    try:
        calendar = await to_thread.run_sync(load_configured_calendar, settings.calendar)
    except CalendarError as error:
        return [Finding("calendar", Level.FAIL, str(error), "set CALENDAR to indian, always-open or a good file")]
    left = calendar.valid_until - ist_date(clock.now())
    if left <= timedelta(days=CALENDAR_WARNING_DAYS):
        remedy = "update the service, or name a newer file in CALENDAR; beyond that day phases are UNKNOWN"
        return [Finding("calendar", Level.WARN, f"{calendar.name}: known until {calendar.valid_until}", remedy)]
    return [Finding("calendar", Level.OK, f"{calendar.name}: known until {calendar.valid_until}")]


def _url(settings: Settings) -> str:
    return default_database_url(settings.database_url, settings.data_dir)


async def _is_to_be_made(address: DatabaseAddress) -> bool:
    """Whether it is a file that is not there yet; looking into it would make it."""
    return address.path is not None and not await to_thread.run_sync(address.path.exists)


CHECKS: dict[str, Check] = {
    "source": look_at_source,
    "data": look_at_data_dir,
    "database": look_at_database,
    "Kite": look_at_kite,
    "Yahoo": look_at_yahoo,
    "session": look_at_session,
    "port": look_at_ports,
    "calendar": look_at_calendar,
}
