"""How other commands find the sandbox of a `kite-services run` that is running: a note in DATA_DIR.

`run` writes where its sandbox is, and takes the note away when it ends; commands that need a source read it if no
KITE_API_KEY is set. A file and not the database, because the addresses hold on this machine alone. It has no secret:
the token is sealed in the database, as ever.
"""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from app.commands.ports import LOOPBACK
from app.commands.start import refuse
from app.domain.instruments import Exchange
from app.settings import Settings

NOTE = Path("sandbox", "running.json")
"""In DATA_DIR."""
LED = (
    "kite_api_key", "kite_api_url", "kite_login_url", "kite_ticker_url", "yahoo_api_url", "yahoo_stream_url",
    "calendar",
)  # fmt: skip
"""Settings that `run` replaces by those of its sandbox."""
ANSWER_SECONDS = 1.0
"""A sandbox on this machine accepts a connection within milliseconds, or is gone."""


@contextmanager
def told_to_others(led: Settings) -> Iterator[None]:
    """While the block runs, commands with the same DATA_DIR find the sandbox. `led`: the settings of its service."""
    path = led.data_dir / NOTE
    note = orjson.dumps({name: getattr(led, name) for name in LED} | {"public_url": led.base_url, "pid": os.getpid()})
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(note)
    fresh.replace(path)
    try:
        yield
    finally:
        with suppress(OSError):
            if path.read_bytes() == note:
                path.unlink()


def led_by_run(settings: Settings) -> Settings:
    """The settings, led to the sandbox of a `run` that is running; as they are if there is none, or an api key is set.

    Blocks for a second at most.
    """
    if settings.kite_api_key:
        return settings
    note = _read(settings.data_dir / NOTE)
    return settings.model_copy(update=note) if note and _answers(note["kite_api_url"]) else settings


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


def _is_of_yahoo(settings: Settings, ids: Sequence[str]) -> bool:
    chosen = "yahoo_api_url" in settings.model_fields_set
    return settings.has_yahoo and (chosen or all(each.startswith(f"{Exchange.YAHOO}:") for each in ids))


def _read(path: Path) -> dict[str, str] | None:
    """What the note says; None if there is none that makes sense."""
    try:
        note = orjson.loads(path.read_bytes())
        return {name: str(note[name]) for name in (*LED, "public_url")}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _answers(url: str) -> bool:
    """Whether somebody listens there: a `run` that was killed left its note. Only ever on this machine."""
    try:
        address = urlsplit(url)
        if address.hostname != LOOPBACK or address.port is None:
            return False
        with socket.create_connection((LOOPBACK, address.port), timeout=ANSWER_SECONDS):
            return True
    except (OSError, ValueError):
        return False
