"""How other commands find the service that runs: a note in DATA_DIR.

`run` and `serve` write where the service and its sources are, and take the note away when they end. Commands read it
to ask the service instead of doing its work beside it, and, if no KITE_API_KEY is set, to find its sandbox. A file and
not the database, because the addresses hold on this machine alone. It has no secret: the token is sealed in the
database, as ever.
"""

import ipaddress
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import orjson

from app.commands.locks import KNOWS_LOCKS, take_lock
from app.commands.ports import LOOPBACK
from app.commands.start import refuse
from app.domain.instruments import Exchange
from app.settings import Settings

NOTE = Path("service.json")
"""In DATA_DIR."""
LED = (
    "kite_api_key", "kite_api_url", "kite_login_url", "kite_ticker_url", "yahoo_api_url", "yahoo_stream_url",
    "calendar",
)  # fmt: skip
"""Settings that `run` replaces by those of its sandbox."""
CHOSEN = ("kite_api_key", "kite_api_url", "yahoo_api_url")
"""Settings that say whose data is meant: where a command has others than the service, it is not for that service."""
URL = "service_url"
ANSWER_SECONDS = 1.0
"""A sandbox on this machine accepts a connection within milliseconds, or is gone."""
LIVE_SECONDS = 10.0
"""A service that is busy may take its time to say that it lives; beside it we must not work."""
LIVE_PATH = "/health/live"


@dataclass(frozen=True, slots=True)
class Beside:
    """The service that runs beside a command."""

    url: str
    """Where this machine reaches it."""
    settings: Settings
    """The command's, with the sources of the service."""


@contextmanager
def told_to_others(led: Settings) -> Iterator[None]:
    """While the block runs, commands with the same DATA_DIR find the service and its sandbox. `led`: its settings.

    The note is locked as long: one whose writer was killed is known by that, whoever has its port by then.
    """
    path = led.data_dir / NOTE
    about = {"public_url": led.base_url, URL: led.local_url, "pid": os.getpid()}
    note = orjson.dumps({name: getattr(led, name) for name in LED} | about)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        take_lock(file.fileno())
        file.write(note)
        file.flush()
        fresh.replace(path)
        try:
            yield
        finally:
            with suppress(OSError):
                if path.read_bytes() == note:
                    path.unlink()


def service_beside(settings: Settings) -> Beside | None:
    """The service that runs with the same DATA_DIR and the same sources; None if none does. Blocks."""
    note = _read(settings.data_dir / NOTE)
    if note is None or any(getattr(settings, name) != note[name] for name in CHOSEN if _is_chosen(settings, name)):
        return None
    url = note[URL]
    led = settings.model_copy(update={name: note[name] for name in (*LED, "public_url")})
    return Beside(url, led) if _is_ours(url) and _lives(url) else None


def led_by_run(settings: Settings) -> Settings:
    """The settings, led to the sandbox of a service that is running; as they are without one, or with an api key.

    Blocks for a second at most.
    """
    if settings.kite_api_key:
        return settings
    note = _read(settings.data_dir / NOTE)
    if note is None or not _answers(note["kite_api_url"]):
        return settings
    return settings.model_copy(update={name: note[name] for name in (*LED, "public_url")})


def require_source(settings: Settings, ids: Sequence[str] | None = None) -> Settings:
    """The settings of a command that needs a source, as `led_by_run`; or the command ends with the remedy.

    `ids`: what it is about; None: what only Kite has. Yahoo's own symbols need no Kite, nor does anything where
    somebody chose a Yahoo by YAHOO_API_URL.
    """
    led = led_by_run(settings)
    if not led.kite_api_key and not (ids is not None and _is_of_yahoo(led, ids)):
        refuse(
            "there is no source: start `kite-services run` in another terminal with the same DATA_DIR "
            f"({settings.data_dir.absolute()}), or set KITE_API_KEY and log in to a `kite-services serve`"
        )
    return led


def _is_chosen(settings: Settings, name: str) -> bool:
    return name in settings.model_fields_set and bool(getattr(settings, name))


def _is_of_yahoo(settings: Settings, ids: Sequence[str]) -> bool:
    chosen = "yahoo_api_url" in settings.model_fields_set
    return settings.has_yahoo and (chosen or all(each.startswith(f"{Exchange.YAHOO}:") for each in ids))


def _read(path: Path) -> dict[str, str] | None:
    """What the note says; None if there is none that makes sense, or its writer is gone."""
    try:
        with path.open("rb") as file:
            if KNOWS_LOCKS and take_lock(file.fileno()):
                return None
            note = orjson.loads(file.read())
        return {name: str(note[name]) for name in (*LED, "public_url", URL)}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_ours(url: str) -> bool:
    """Whether it is an address of this machine: ADMIN_TOKEN goes there."""
    try:
        name = urlsplit(url).hostname or ""
        host = ipaddress.ip_address(LOOPBACK if name == "localhost" else name)
        family = socket.AF_INET if host.version == 4 else socket.AF_INET6  # noqa: PLR2004 - of the Internet protocol
        with socket.create_server((str(host), 0), family=family):
            return True
    except (OSError, ValueError):
        return False


def _lives(url: str) -> bool:
    """Whether the service takes requests. One that starts does not yet."""
    try:
        answer = httpx.get(f"{url}{LIVE_PATH}", timeout=LIVE_SECONDS, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK


def _answers(url: str) -> bool:
    """Whether a sandbox listens there. Only ever on this machine: the session's token goes where the note says."""
    try:
        address = urlsplit(url)
        if address.hostname != LOOPBACK or address.port is None:
            return False
        with socket.create_connection((LOOPBACK, address.port), timeout=ANSWER_SECONDS):
            return True
    except (OSError, ValueError):
        return False
