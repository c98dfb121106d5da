"""Every REST call to Yahoo: budget, worker thread, timeout, and what it cost.

Comes in: a path, from the sources. Goes out: the body of the answer, parsed in the worker thread, or an error of our
own tree. What the vendor raises is translated by `vendor`, with `errors`.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import anyio
import structlog
from anyio import to_thread

from app.domain.errors import SourceTimeout, SourceUnavailable
from app.domain.spending import under_way
from app.ports import Clock, RequestBudgets
from app.providers.yahoo.calls import YahooCall
from app.providers.yahoo.config import YahooConfig
from app.providers.yahoo.limits import GRACE_SECONDS, MAX_THREADS, Endpoint

if TYPE_CHECKING:
    from app.providers.yahoo.vendor import YahooRest

T = TypeVar("T")
OnCall = Callable[[str, float, str], None]
"""Told of each request that was sent: endpoint, seconds, and `ok` or the error's code."""

STOPPED = "the service is stopping; nothing more is asked of Yahoo"

log = structlog.get_logger(__name__)


def no_observer(endpoint: str, seconds: float, outcome: str) -> None:
    """Nobody counts."""


class YahooClient:
    """Yahoo's REST endpoints.

    Waits for budget and for the answer, never longer than the budget's wait plus the config's patience. A call that is
    cancelled leaves its thread to end by itself, within the same deadline. A 429 holds back every class: Yahoo counts
    by address. For one event loop.
    """

    def __init__(
        self, config: YahooConfig, *, budgets: RequestBudgets, clock: Clock, on_call: OnCall = no_observer
    ) -> None:
        self.config = config
        self.clock = clock
        self.calls = 0
        """Requests sent since the start, those for cookies and crumbs too."""
        self._budgets = budgets
        self._on_call = on_call
        self._threads = anyio.CapacityLimiter(MAX_THREADS)
        self._opening = Lock()
        self._rest: YahooRest | None = None

    async def fetch(
        self,
        endpoint: Endpoint,
        path: str,
        params: Mapping[str, str],
        parse: Callable[[bytes], T],
        *,
        on_send: Callable[[int], None] | None = None,
    ) -> T:
        """What `parse` makes of the body, in the worker thread. `on_send` is told how many requests it took.

        Raises RateLimited, SourceError, and whatever of our tree `parse` raises.
        """
        await self._budgets.acquire(endpoint.value)
        patience = self.config.patience
        seconds = patience.answer + (patience.first if self._rest is None else 0)
        loop = asyncio.get_running_loop()
        call = YahooCall(
            endpoint,
            deadline=self.clock.monotonic() + seconds,
            spend=partial(self._spend, loop, seconds),
            refused=partial(self._refused, loop),
        )
        with under_way() as spending:
            try:
                with anyio.fail_after(seconds + GRACE_SECONDS):
                    work = partial(self._fetch, call, path, params, parse)
                    return await to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._threads)
            except TimeoutError:
                raise SourceTimeout(f"Yahoo did not answer a {endpoint} request in time; ask again") from None
            finally:
                self._report(call)
                spending.requests += len(call.sent)
                if on_send is not None:
                    on_send(len(call.sent))

    def close(self) -> None:
        """Close idle connections. A later call opens them again."""
        rest, self._rest = self._rest, None
        if rest is not None:
            rest.close()

    def _fetch(self, call: YahooCall, path: str, params: Mapping[str, str], parse: Callable[[bytes], T]) -> T:
        """In a worker thread."""
        return parse(self._open().fetch(call, path, params))

    def _open(self) -> "YahooRest":
        with self._opening:
            if self._rest is None:
                # Here and not above: 70 MB and 0.7 s for whoever never asks Yahoo, and on the event loop.
                from app.providers.yahoo.vendor import YahooRest  # noqa: PLC0415 -- see the line above

                self._rest = YahooRest(self.config, self.clock)
            return self._rest

    # The next two run in a worker thread, which may outlive the caller and the loop. So neither waits without end, as
    # anyio.from_thread does: a thread that waits for a loop that has ended keeps the process from ending.

    def _spend(self, loop: asyncio.AbstractEventLoop, seconds: float, endpoint: Endpoint) -> None:
        """Wait for the right to send one more request."""
        if loop.is_closed():
            raise SourceUnavailable(STOPPED)
        turn = asyncio.run_coroutine_threadsafe(self._budgets.acquire(endpoint.value), loop)
        try:
            turn.result(seconds)
        except TimeoutError:
            turn.cancel()
            raise SourceTimeout(f"there was no budget for a {endpoint} request in time; ask again") from None

    def _refused(self, loop: asyncio.AbstractEventLoop, endpoint: Endpoint) -> None:
        """Yahoo said 429."""
        if loop.is_closed():
            raise SourceUnavailable(STOPPED)
        loop.call_soon_threadsafe(self._hold_back, endpoint)

    def _hold_back(self, endpoint: Endpoint) -> None:
        log.warning("yahoo_refused", endpoint=endpoint.value)
        for each in Endpoint:
            self._budgets.refused(each.value)

    def _report(self, call: YahooCall) -> None:
        self.calls += len(call.sent)
        now = self.clock.monotonic()
        for sent in tuple(call.sent):
            seconds = now - sent.begun if sent.seconds is None else sent.seconds
            self._on_call(sent.endpoint.value, seconds, sent.outcome)
