"""Kite's request limits: so many a second and endpoint class, and 429 at once for what is over.

Comes in: each request's class and api_key. Goes out: whether it may pass. Used by the admission of every endpoint.
"""

from collections import defaultdict, deque
from collections.abc import Mapping

from app.ports import Clock

WINDOW_SECONDS = 0.9
"""A second less the jitter of a local network: a client that paces itself exactly must never be refused."""


class RateLimits:
    """Sliding windows. Nothing queues, refused requests do not count, no Retry-After is known."""

    def __init__(self, per_second: Mapping[str, int] | None, clock: Clock) -> None:
        self._per_second = per_second
        self._clock = clock
        self._sent: dict[tuple[str, str], deque[float]] = defaultdict(deque)

    def allows(self, endpoint: str, api_key: str) -> bool:
        """Whether one more request of the class may pass now; if so it counts."""
        if self._per_second is None:
            return True
        now = self._clock.monotonic()
        sent = self._sent[endpoint, api_key]
        while sent and sent[0] <= now - WINDOW_SECONDS:
            sent.popleft()
        if len(sent) >= self._per_second[endpoint]:
            return False
        sent.append(now)
        return True
