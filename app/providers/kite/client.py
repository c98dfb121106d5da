"""Every REST call to Kite: budget, worker thread, timeout, translation, and what a dead token means.

Comes in: a function of the vendor's client, from the sources and the login. Goes out: its result, or an
error of our own tree.
"""

from collections.abc import Callable
from typing import TypeVar

import anyio
import structlog

from app.domain.errors import LoginRequired, MarketDataError, RateLimited
from app.domain.spending import under_way
from app.ports import Clock, RequestBudgets
from app.providers.kite.config import KiteConfig
from app.providers.kite.errors import Asked, login_required, translate
from app.providers.kite.limits import GRACE_SECONDS, MAX_THREADS, Endpoint
from app.providers.kite.session import KiteTokens
from app.providers.kite.transport import KiteRest

T = TypeVar("T")
Work = Callable[[KiteRest], T]
OnCall = Callable[[str, float, str], None]
"""Told of each request that was sent: endpoint, seconds, and `ok` or the error's code."""

ATTEMPTS = 2
"""A call that was under way while the token was replaced is asked once more, with the new one. So is one that got a
429 within its budget: two requests that left a second apart may arrive closer together (both are reads)."""

NOBODY = "nobody is logged in to Kite"
UNCONFIGURED = "Kite is not configured: set KITE_API_KEY and KITE_API_SECRET"

log = structlog.get_logger(__name__)


def no_observer(endpoint: str, seconds: float, outcome: str) -> None:
    """Nobody counts."""


class KiteClient:
    """Kite's REST API for one api_key, with the present token.

    Waits for budget and for the answer, never longer than the budget's wait plus the config's patience. A call that is
    cancelled leaves its thread to end by itself, within the transport's own deadline. For one event loop.
    """

    def __init__(
        self,
        config: KiteConfig,
        *,
        tokens: KiteTokens,
        budgets: RequestBudgets,
        clock: Clock,
        on_call: OnCall = no_observer,
    ) -> None:
        self.config = config
        self.calls = 0
        """Requests sent since the start."""
        self.clock = clock
        self._tokens = tokens
        self._budgets = budgets
        self._on_call = on_call
        self._threads = anyio.CapacityLimiter(MAX_THREADS)
        self._kite: KiteRest | None = None
        self._kite_version = -1

    async def call(self, endpoint: Endpoint, work: Work[T], *, on_send: Callable[[], None] | None = None) -> T:
        """The result of `work` with the present token. `on_send` is called once for each request that is sent.

        Raises LoginRequired, without a request while there is no token; RateLimited, SourceError, and InvalidInput
        where Kite refuses the arguments. A token that Kite refuses is reported to `KiteTokens.rejected`.
        """
        for attempt in range(1, ATTEMPTS + 1):
            self._require_token()
            await self._budgets.acquire(endpoint.budget)
            token = self._require_token()
            try:
                return await self._send(endpoint, self._present_kite(token), work, on_send)
            except LoginRequired:
                self._tokens.rejected(token)
                if attempt == ATTEMPTS or self._tokens.token in {None, token}:
                    raise
            except RateLimited:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError  # pragma: no cover -- the last attempt returned or raised

    async def call_as(self, endpoint: Endpoint, work: Work[T], *, token: str | None) -> T:
        """The result of `work` with another token, or with none; a refusal says nothing of the present one.

        Raises as `call` does; LoginRequired then means that Kite refused `token`.
        """
        await self._budgets.acquire(endpoint.budget)
        kite = KiteRest(self.config, token, self.clock)

        def once(_: KiteRest) -> T:
            try:
                return work(kite)
            finally:
                kite.close()

        return await self._send(endpoint, kite, once, None)

    def close(self) -> None:
        """Close idle connections. A later call opens them again."""
        if self._kite is not None:
            self._kite.close()

    def _require_token(self) -> str:
        if self._tokens.token is None:
            link = self.config.login_url
            raise login_required(link, NOBODY) if self.config.api_key else LoginRequired(UNCONFIGURED, login_url=link)
        return self._tokens.token

    def _present_kite(self, token: str) -> KiteRest:
        """One object a token: calls under way keep the old one, so nothing changes under a thread."""
        if self._kite is None or self._kite_version != self._tokens.version:
            self.close()
            self._kite, self._kite_version = KiteRest(self.config, token, self.clock), self._tokens.version
        return self._kite

    async def _send(self, endpoint: Endpoint, kite: KiteRest, work: Work[T], on_send: Callable[[], None] | None) -> T:
        self.calls += 1
        if on_send is not None:
            on_send()
        begun = self.clock.monotonic()
        outcome = "CANCELLED"
        try:
            with under_way() as spending:
                spending.requests += 1
                result = await self._in_thread(endpoint, kite, work)
            outcome = "ok"
        except MarketDataError as error:
            outcome = error.code
            if isinstance(error, RateLimited):
                self._budgets.refused(endpoint.budget)
                log.warning("kite_refused", endpoint=endpoint.value)
            raise
        finally:
            self._on_call(endpoint.value, self.clock.monotonic() - begun, outcome)
        return result

    async def _in_thread(self, endpoint: Endpoint, kite: KiteRest, work: Work[T]) -> T:
        patience = self.config.patience
        seconds = patience.master if endpoint is Endpoint.INSTRUMENTS else patience.answer
        try:
            with anyio.fail_after(seconds + GRACE_SECONDS):
                return await anyio.to_thread.run_sync(work, kite, abandon_on_cancel=True, limiter=self._threads)
        except Exception as error:  # noqa: BLE001 -- kiteconnect leaks anything (upstream.md 1.5); all of it is mapped
            failure = translate(error, Asked(endpoint, self.config.login_url))
        # Raised outside of the handler: the vendor's error holds bodies and tokens and must not be chained to it.
        raise failure
