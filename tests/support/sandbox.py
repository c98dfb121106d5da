"""A sandbox exchange on an ephemeral port, in the running loop of a test.

    async with running_sandbox() as sandbox:
        token = await sandbox.login()                     # the real flow: page, button, redirect, exchange
        kite = KiteConnect(sandbox.api_key, token, root=sandbox.url)
        ...                                               # in a worker thread
        await sandbox.fault("http_error", path="/quote", status=503, count=2)
        assert sandbox.count("quote") == 1

Every field of SandboxSettings can be given: `running_sandbox(rate_limits=None, tick_seconds=0.05, market=my_market)`.
Kite's request limits are ON unless `rate_limits=None`. `sandbox.clock` is the real clock that a test can shift.
"""

import hashlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from anyio import to_thread
from starlette.applications import Starlette

from app.clock import SystemClock
from app.ports import Clock
from app.sandbox.app import Sandbox, build_sandbox
from app.sandbox.faults import parse_fault
from app.sandbox.prices import Market
from app.sandbox.serve import Address, build_market, open_sandbox
from app.sandbox.settings import SandboxSettings
from app.sandbox.traffic import Seen
from tests.support.clock import FixedClock

REDIRECT_URL = "http://127.0.0.1:8179/auth/kite/callback"
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Loopback speaks plain HTTP; loading the bundle of authorities would cost 20 ms a client."""


def plain_client(**options: Any) -> httpx.AsyncClient:
    """An httpx client for loopback, quickly made."""
    return httpx.AsyncClient(verify=NO_AUTHORITIES, **options)


class ShiftableClock:
    """The real clock plus what a test added: `shift(hours=24)` ages every session by a day.

    `freeze()` stops it, so that request limits count without regard to how slow the machine is.
    """

    def __init__(self, at: datetime | None = None) -> None:
        """`at`: what it shows at first; None: now."""
        self._real: Clock = SystemClock()
        self._begin = timedelta() if at is None else at - self._real.now()
        self._shift = timedelta()

    def now(self) -> datetime:
        """The shifted instant, UTC."""
        return self._real.now() + self._begin + self._shift

    def monotonic(self) -> float:
        """Real seconds plus the shift."""
        return self._real.monotonic() + self._shift.total_seconds()

    def freeze(self, at: datetime | None = None) -> None:
        """Stand still from now on but for `shift`; `at`: at that instant, whatever it is now."""
        frozen = FixedClock(self._real.now() if at is None else at - self._begin - self._shift)
        frozen._monotonic = self._real.monotonic()
        self._real = frozen

    def shift(self, **duration: float) -> None:
        """Jump ahead by a timedelta's keywords."""
        self._shift += timedelta(**duration)


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A sandbox that is being served."""

    address: Address
    application: Starlette
    parts: Sandbox
    """The parts in this process: `parts.ticker.sockets()`, `parts.sessions` ..."""
    clock: ShiftableClock

    @property
    def url(self) -> str:
        """Root for KITE_API_URL."""
        return self.address.url

    @property
    def ticker_url(self) -> str:
        """For KITE_TICKER_URL."""
        return self.address.ticker_url

    @property
    def yahoo_stream_url(self) -> str:
        """For YAHOO_STREAM_URL; YAHOO_API_URL is `url`."""
        return f"{self.address.ticker_url}/streamer"

    @property
    def login_url(self) -> str:
        """For KITE_LOGIN_URL."""
        return self.address.login_url

    @property
    def api_key(self) -> str:
        """For KITE_API_KEY."""
        return self.parts.settings.api_key

    @property
    def api_secret(self) -> str:
        """For KITE_API_SECRET."""
        return self.parts.settings.api_secret

    @property
    def requests(self) -> list[Seen]:
        """The last requests in order, control endpoint left out: endpoint, method, path, instruments, status."""
        return list(self.parts.traffic.recent)

    def count(self, endpoint: str) -> int:
        """Requests of a class so far; the classes are those of `app.sandbox.traffic.Seen`."""
        return self.parts.traffic.by_class[endpoint]

    def socket_url(self, access_token: str) -> str:
        """The ticker's address with credentials, as a client dials it."""
        return f"{self.ticker_url}?api_key={self.api_key}&access_token={access_token}"

    async def request_token(self) -> str:
        """Log in as the user does and take the request_token out of the redirect."""
        async with plain_client() as browser:
            answer = await browser.post(self.login_url, data={"api_key": self.api_key})
        return parse_qs(urlsplit(answer.headers["location"]).query)["request_token"][0]

    async def login(self) -> str:
        """A fresh access_token, by the whole real flow."""
        request_token = await self.request_token()
        checksum = hashlib.sha256(f"{self.api_key}{request_token}{self.api_secret}".encode()).hexdigest()
        form = {"api_key": self.api_key, "request_token": request_token, "checksum": checksum}
        async with plain_client() as client:
            answer = await client.post(f"{self.url}/session/token", data=form, headers={"X-Kite-Version": "3"})
        return str(answer.raise_for_status().json()["data"]["access_token"])

    async def fault(self, kind: str, **fields: Any) -> int:
        """Cause a fault (fields: path, count, seconds, status, instrument); how many sockets or packets it reached."""
        return await self.parts.control.inflict(parse_fault({"kind": kind, **fields}))

    def heal(self) -> None:
        """End every standing fault and stall."""
        self.parts.faults.clear()
        self.parts.ticker.unstall()
        self.parts.yahoo.stream.unstall()


@asynccontextmanager
async def running_sandbox(
    *, market: Market | None = None, at: datetime | None = None, **overrides: Any
) -> AsyncIterator[RunningSandbox]:
    """A sandbox that is served until the block is left; keywords are fields of SandboxSettings.

    `at`: when it begins; None: now. With the same `at` and seed it lists and trades the same in every run.
    """
    clock = ShiftableClock(at)
    settings = SandboxSettings(**{"redirect_url": REDIRECT_URL, **overrides})
    application = await to_thread.run_sync(
        lambda: build_sandbox(settings, clock=clock, market=market or build_market(settings, clock))
    )
    async with open_sandbox(application) as address:
        yield RunningSandbox(address, application, application.state.sandbox, clock)
