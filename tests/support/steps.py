"""Work counted instead of timed: calls of functions, which are as many on a busy machine as on a quiet one."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

T = TypeVar("T")
TURN = asyncio.BaseEventLoop._run_once.__code__  # type: ignore[attr-defined]  # private: one turn of the event loop
CALLS = frozenset({"call", "c_call"})


class TooMuchWork(AssertionError):
    """It made more calls than it may; raised in the middle of it, so that nobody waits for the rest."""


class WorkCounter:
    """Calls of Python and C functions in this thread."""

    def __init__(self, at_most: int | None = None) -> None:
        self.calls = 0
        self.longest_turn = 0
        """The most calls between two turns of the event loop: what holds it up."""
        self._turn = 0
        self._at_most = at_most

    def note(self, frame: FrameType, event: str, _: object) -> None:
        """For sys.setprofile."""
        if event not in CALLS:
            return
        if event == "call" and frame.f_code is TURN:
            self._turn = 0
        self.calls += 1
        self._turn += 1
        self.longest_turn = max(self.longest_turn, self._turn)
        if self._at_most is not None and self.calls > self._at_most:
            sys.setprofile(None)
            msg = f"more than {self._at_most} calls"
            raise TooMuchWork(msg)


@contextmanager
def counted_work(at_most: int | None = None) -> Iterator[WorkCounter]:
    """Counts what this thread does in the block."""
    counter = WorkCounter(at_most)
    sys.setprofile(counter.note)
    try:
        yield counter
    finally:
        sys.setprofile(None)


def within(at_most: int, work: Callable[[], T]) -> T:
    """What `work` returns. Raises TooMuchWork as soon as it makes more calls than that."""
    with counted_work(at_most):
        return work()
