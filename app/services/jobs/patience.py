"""Waiting for a source that does not answer now, instead of giving up a night's work.

Comes in: one step of a job. Goes out: its result, however long the budget is spent or nobody is logged in. Called by
the works of jobs.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

import anyio
import structlog

from app.domain.errors import LoginRequired, RateLimited, SourceError
from app.domain.feeds import KiteSession
from app.services.jobs.work import Progress

T = TypeVar("T")

PAUSES = (2.0, 10.0, 30.0)
"""Seconds before each further try after a failure that may pass: a source that restarts is back by then."""
SHORTEST_WAIT = 1.0
"""Seconds: whoever is refused and asks again at once is refused again."""
LONGEST_WAIT = 60.0
"""Seconds between two tries under a spent budget; a new minute's budget is used within the minute."""

log = structlog.get_logger()


class Login(Protocol):
    """Whether someone is logged in to the source, and word of it, as KiteSessions has it."""

    def current(self) -> KiteSession:
        """What may be known of the session."""
        ...

    def changes(self) -> AsyncIterator[None]:
        """One item at once, then one after each change."""
        ...


class Patience:
    """Tries a step again while its failure may pass.

    A spent budget and a missing login are waited for without end, since the remedy is time or a person; other failures
    of a source are tried again len(PAUSES) times in a row without progress. Cancel-safe.
    """

    def __init__(self, login: Login | None, *, sleep: Callable[[float], Awaitable[object]] = anyio.sleep) -> None:
        """`login`: None where nobody can log in while we wait, as in a command; then LoginRequired is raised."""
        self._login = login
        self._sleep = sleep

    async def insist(self, step: Callable[[], Awaitable[T]], progress: Progress) -> T:
        """What the step returns in the end; `progress.message` says what it waits for meanwhile.

        Raises MarketDataError that does not pass.
        """
        at_work = progress.message
        failures, done = 0, progress.done
        while True:
            try:
                return await step()
            except LoginRequired as error:
                await self._until_logged_in(error, progress)
            except RateLimited as error:
                seconds = min(max(error.retry_after_ms / 1000, SHORTEST_WAIT), LONGEST_WAIT)
                await self._pause(seconds, f"waiting {seconds:g} s: {error.message}", progress)
            except SourceError as error:
                failures, done = failures + 1 if progress.done == done else 1, progress.done
                if not error.retryable or failures > len(PAUSES):
                    raise
                seconds = PAUSES[failures - 1]
                log.warning("job_step_failed", code=error.code, error=error.message, again_in_seconds=seconds)
                await self._pause(seconds, f"trying again in {seconds:g} s: {error.message}", progress)
            progress.tell(message=at_work)

    async def _pause(self, seconds: float, message: str, progress: Progress) -> None:
        progress.tell(message=message)
        await self._sleep(seconds)

    async def _until_logged_in(self, error: LoginRequired, progress: Progress) -> None:
        if self._login is None or self._login.current().login_url is None:
            raise error
        progress.tell(message=f"waiting for a login, LOGIN_REQUIRED: open {error.login_url}")
        await self._sleep(SHORTEST_WAIT)
        async for _ in self._login.changes():
            if self._login.current().authenticated:
                return
