"""How long to wait before the next dial. Used by each connection for itself."""

import random
from dataclasses import dataclass, field

JITTER = 0.25
"""Share by which a wait varies, so that three sockets that fell together do not dial together."""

DOUBLINGS = 16
"""Beyond this the longest wait is reached with any sensible first one; it keeps the power small."""


@dataclass(slots=True)
class Backoff:
    """Exponential waits with jitter, from `first` to `longest` seconds, until `reset`."""

    first: float
    longest: float
    failures: int = 0
    """Failures since the last reset."""
    _random: random.Random = field(default_factory=random.SystemRandom, repr=False)

    def fail(self) -> float:
        """Count a failure; how long to wait now."""
        wait = self.first * 2 ** min(self.failures, DOUBLINGS)
        self.failures += 1
        return float(min(self.longest, wait * self._random.uniform(1, 1 + JITTER)))

    def reset(self) -> None:
        """The line was healthy: start anew."""
        self.failures = 0
