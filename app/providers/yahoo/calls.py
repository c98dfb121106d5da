"""One call to Yahoo, with everything that it sends: the request itself, and what yfinance adds for cookie and crumb.

Made by the client on the event loop, filled by the session in a worker thread, read again by the client.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from app.providers.yahoo.limits import Endpoint

UNDER_WAY = "CANCELLED"
"""Outcome of a request whose end nobody waited for."""


@dataclass(slots=True)
class Sent:
    """One request that went out."""

    endpoint: Endpoint
    begun: float
    """Monotonic seconds."""
    seconds: float | None = None
    """None while it is under way."""
    outcome: str = UNDER_WAY


@dataclass(slots=True)
class YahooCall:
    """What is asked, until when, and what was sent for it so far. Safe between the two threads."""

    endpoint: Endpoint
    deadline: float
    """Monotonic seconds; nothing is sent after it."""
    spend: Callable[[Endpoint], None]
    """Waits, in the worker thread, for the right to send one more request. Raises RateLimited."""
    refused: Callable[[Endpoint], None]
    """Yahoo said 429."""
    prepaid: int = 1
    """Requests of the call's own class that the client has the right for already."""
    sent: list[Sent] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def pay(self, endpoint: Endpoint) -> None:
        """Take the right to send one request."""
        with self._lock:
            paid = endpoint is self.endpoint and self.prepaid > 0
            self.prepaid -= paid
        if not paid:
            self.spend(endpoint)

    def begin(self, endpoint: Endpoint, now: float) -> Sent:
        """A request goes out now."""
        one = Sent(endpoint, now)
        self.sent.append(one)
        return one
