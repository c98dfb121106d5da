"""An event loop whose time passes only when nothing else is left to do: waiting costs nothing and is exact.

    @pytest.fixture
    def anyio_backend() -> tuple[str, dict[str, Any]]:
        return VIRTUAL_TIME                # in a conftest.py or module whose tests touch no socket and no thread

    anyio.run(play, backend_options=VIRTUAL_TIME[1])                     # in a test of hypothesis

A sleep of an hour ends at once, after everything that happens within that hour, in its order, on any machine. Where
nothing is left that could ever wake the loop the test fails instead of hanging. For asynchronous code in memory alone:
what comes from a socket or a thread would come "later" than every timer, so neither may be used.
"""

import asyncio
import selectors
from datetime import UTC, datetime, timedelta
from selectors import SelectorKey
from typing import Any

import anyio

from tests.support.clock import MONDAY_MORNING


class Deadlock(RuntimeError):
    """Everything waits for something that cannot happen any more."""


class LeapingSelector(selectors.DefaultSelector):
    """Instead of waiting it moves its time forward."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """What is ready now; if nothing is, it is `timeout` seconds later. Raises Deadlock where no timer is set."""
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            msg = "nothing is left that could wake this loop: a test of virtual time waits for ever, or for a thread"
            raise Deadlock(msg)
        self.now += max(0.0, timeout)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """The loop; its `time()` begins at 0."""

    def __init__(self) -> None:
        self._leaping = LeapingSelector()
        super().__init__(self._leaping)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._leaping.now


class LoopClock:
    """A Clock that goes with the loop it is read in."""

    def __init__(self, start: datetime = MONDAY_MORNING) -> None:
        self._start = start.astimezone(UTC)

    def now(self) -> datetime:
        """The start, and what has passed in the loop since."""
        return self._start + timedelta(seconds=anyio.current_time())

    def monotonic(self) -> float:
        """The loop's seconds."""
        return anyio.current_time()


VIRTUAL_TIME: tuple[str, dict[str, Any]] = ("asyncio", {"loop_factory": VirtualTimeLoop})
"""What `anyio_backend` returns."""
