"""How fast a counter grows. Used by the feed and the board of sources for ticks per second."""

from collections import deque

WINDOW_S = 5.0
"""Long enough to be calm, short enough to show a stall at once."""


class RateMeter:
    """The mean growth of a counter over the last WINDOW_S. Bounded by the samples in the window."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def sample(self, now: float, total: int) -> None:
        """Note the counter's state at a monotonic instant, in seconds; call it at least once a second."""
        self._samples.append((now, total))
        while self._samples[0][0] < now - WINDOW_S:
            self._samples.popleft()

    def per_second(self, now: float, total: int) -> float:
        """Mean growth a second; 0 before the first sample."""
        if not self._samples:
            return 0.0
        since, before = self._samples[0]
        return (total - before) / (now - since) if now > since else 0.0
