"""The requests that a question to a source took, also where it failed.

Whoever asks opens a Spending for the length of the question; the clients of the sources, however deep below, note in it
what they send. It goes with the context, so tasks that the question starts share it.
"""

from asyncio import CancelledError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from app.domain.errors import InvalidInput, LoginRequired, MarketDataError, NotSupported, RateLimited

NEVER_SENT = (RateLimited, LoginRequired, NotSupported, InvalidInput)
"""Failures of a source that does not count, for which as a rule no request went out."""


def _unheard() -> None:
    """The hook of those who do not listen."""


class Spending:
    """What one question sends. For one event loop."""

    def __init__(self) -> None:
        self.requests = 0
        """Requests that went out."""
        self.was_left_waiting = False
        """Whether the question was given up while the source owed an answer, and not in our own budget's queue."""
        self.on_send: Callable[[], None] = _unheard
        """Told each time that the source begins to owe an answer."""


_present: ContextVar[Spending | None] = ContextVar("spending", default=None)


@contextmanager
def counted_requests() -> Iterator[Spending]:
    """What is asked within the block, counted."""
    spending = Spending()
    token = _present.set(spending)
    try:
        yield spending
    finally:
        _present.reset(token)


@contextmanager
def under_way() -> Iterator[Spending]:
    """The source owes an answer within the block; its client adds the requests that this took to what is yielded."""
    spending = _present.get() or Spending()
    spending.on_send()
    try:
        yield spending
    except CancelledError:
        spending.was_left_waiting = True
        raise


def requests_spent(error: MarketDataError) -> int:
    """Upstream requests behind an error: as they were counted, else what its kind costs as a rule."""
    if error.requests_sent is not None:
        return error.requests_sent
    return 0 if isinstance(error, NEVER_SENT) else 1
