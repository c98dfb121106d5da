"""Logins and access tokens as Kite handles them.

Comes in: finished logins, exchanges, tokens of requests. Goes out: request tokens, sessions, yes or no.
A session dies at the next 06:00 IST or when told to. Only hashes of access tokens are kept or written.
"""

import hashlib
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

import anyio
import orjson
from anyio import to_thread

from app.domain.time import ist_date, ist_datetime
from app.ports import Clock
from app.sandbox.envelope import KiteError
from app.sandbox.settings import SandboxSettings

EXPIRY_HOUR_IST = 6
"""Kite flushes the day's sessions at six in the morning."""
MAX_PENDING_LOGINS = 100
"""Logins that wait for their exchange; the oldest is forgotten first."""
MAX_SESSIONS = 100
"""Sessions alive at once; the oldest is forgotten first."""


@dataclass(frozen=True, slots=True)
class Session:
    """One login. The token itself is not part of it."""

    token_hash: str
    login_time: datetime
    expires_at: datetime


def next_expiry(now: datetime) -> datetime:
    """The first 06:00 IST after `now`."""
    today = ist_datetime(ist_date(now), EXPIRY_HOUR_IST)
    return today if today > now else today + timedelta(days=1)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def read_sessions(file: Path | None) -> dict[str, Session]:
    """The sessions that `file` holds, by hash; none if it is missing or unreadable. Blocking."""
    if file is None:
        return {}
    try:
        rows = orjson.loads(file.read_bytes())
        sessions = [
            Session(row["token_hash"], _instant(row, "login_time"), _instant(row, "expires_at")) for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {session.token_hash: session for session in sessions}


def _instant(row: dict[str, str], name: str) -> datetime:
    return datetime.fromisoformat(row[name])


def _write_sessions(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:  # noqa: PTH123  mode at birth
        out.write(content)
    fresh.replace(file)


class Sessions:
    """The sessions of one sandbox. Not thread-safe; changes are written before they are acknowledged."""

    def __init__(self, settings: SandboxSettings, clock: Clock, remembered: dict[str, Session]) -> None:
        self._settings = settings
        self._clock = clock
        self._alive = dict(remembered)
        self._pending: dict[str, float] = {}
        self._writing = anyio.Lock()

    def finish_login(self) -> str:
        """A new request_token: single use, valid for a few minutes."""
        if len(self._pending) >= MAX_PENDING_LOGINS:
            del self._pending[next(iter(self._pending))]
        token = secrets.token_hex(16)
        self._pending[token] = self._clock.monotonic() + self._settings.request_token_seconds
        return token

    async def exchange(self, *, api_key: str, request_token: str, checksum: str) -> tuple[str, Session]:
        """A new access token with its session. Raises KiteError (403) for a wrong key, token or checksum."""
        mine = self._settings
        if not secrets.compare_digest(api_key.encode(), mine.api_key.encode()):
            raise KiteError(403, "Invalid `api_key`.")
        expected = _hash(mine.api_key + request_token + mine.api_secret)
        if not secrets.compare_digest(checksum.encode(), expected.encode()):
            raise KiteError(403, "Invalid `checksum`.")
        if self._pending.pop(request_token, 0.0) < self._clock.monotonic():
            raise KiteError(403, "Token is invalid or has expired.")
        access_token = secrets.token_urlsafe(24).replace("-", "x").replace("_", "y")
        now = self._clock.now()
        session = Session(_hash(access_token), now, next_expiry(now))
        self._admit(session)
        await self._save()
        return access_token, session

    def _admit(self, session: Session) -> None:
        now = self._clock.now()
        self._alive = {key: kept for key, kept in self._alive.items() if kept.expires_at > now}
        while len(self._alive) >= MAX_SESSIONS:
            del self._alive[next(iter(self._alive))]
        self._alive[session.token_hash] = session

    def accepts(self, api_key: str, access_token: str) -> bool:
        """Whether a request or an upgrade with these may pass."""
        session = self._alive.get(_hash(access_token))
        return api_key == self._settings.api_key and session is not None and session.expires_at > self._clock.now()

    async def end(self, access_token: str) -> bool:
        """Forget a session; False if there was none."""
        ended = self._alive.pop(_hash(access_token), None) is not None
        await self._save()
        return ended

    async def end_all(self) -> int:
        """Every token of now is refused from now on; how many there were."""
        count = len(self._alive)
        self._alive.clear()
        self._pending.clear()
        await self._save()
        return count

    def __len__(self) -> int:
        return len(self._alive)

    async def _save(self) -> None:
        file = self._settings.session_file
        if file is None:
            return
        async with self._writing:
            content = orjson.dumps([asdict(session) for session in self._alive.values()])
            await to_thread.run_sync(_write_sessions, file, content)
