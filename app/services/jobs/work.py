"""What a job is made of: the work of its kind, and where the work tells how far it is.

Implemented by `backfill` and `jobs_sync`; called by Jobs in the service and by commands in a terminal.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

JobRequest = Mapping[str, object]
"""What a job was asked to do, as JSON."""


class JobFailed(Exception):
    """The work ended without its result. The message names the cause and the remedy, for a person."""


class Progress:
    """How far a job is. Tells its listener of each change; never waits. `done` only grows."""

    def __init__(
        self, on_change: Callable[["Progress"], None], *, done: int = 0, total: int | None = None, message: str = ""
    ) -> None:
        self.done = done
        """Units finished, those of earlier runs of the job included."""
        self.total = total
        """Units in all; None while they are not counted."""
        self.message = message
        """What it is at."""
        self._on_change = on_change

    def tell(self, *, done: int | None = None, total: int | None = None, message: str | None = None) -> None:
        """Change what is given. `total` is never shown smaller than `done`."""
        before = self.done, self.total, self.message
        if done is not None:
            self.done = max(done, self.done)
        if total is not None:
            self.total = total
        if self.total is not None:
            self.total = max(self.total, self.done)
        if message is not None:
            self.message = message
        if before != (self.done, self.total, self.message):
            self._on_change(self)


class Work(Protocol):
    """What the jobs of one kind do."""

    unit: str
    """What is counted: requests, instruments."""

    async def check(self, request: JobRequest) -> None:
        """Raises MarketDataError for a request that makes no sense, before it becomes a job."""
        ...

    async def run(self, request: JobRequest, progress: Progress) -> None:
        """Do what was asked. Of a job that was interrupted, what is done already is not done again.

        Cancel-safe: what was done stays. Raises MarketDataError or JobFailed if it cannot be done.
        """
        ...
