"""Where a value came from and how old it may be called.

Comes in: what a provider knows of itself and the time. Goes out: the labels on every price.
"""

from dataclasses import dataclass
from enum import StrEnum


class DataSource(StrEnum):
    """Who said it. A process serves either real sources or the sandbox, never both."""

    KITE = "KITE"
    YAHOO = "YAHOO"
    SANDBOX = "SANDBOX"


class Freshness(StrEnum):
    """How far a price may be trusted as the present one."""

    LIVE = "LIVE"
    DELAYED = "DELAYED"
    STALE = "STALE"
    CLOSED = "CLOSED"


class QuoteOrigin(StrEnum):
    """Which of our own layers answered: the stream's state, the cache, or a call to the source."""

    STREAM = "STREAM"
    CACHE = "CACHE"
    UPSTREAM = "UPSTREAM"


@dataclass(slots=True)
class Cost:
    """What one operation cost. The only mutable domain object: it is filled while the operation runs.

    A call that several operations shared counts once for each of them.
    """

    upstream_calls: int = 0
    """Requests to a source that this operation waited for."""
    from_stream: int = 0
    """Prices that came from the running stream."""
    from_cache: int = 0
    """Prices that were young enough to be answered from memory."""

    def add(self, other: "Cost") -> None:
        """Grow by another one."""
        self.upstream_calls += other.upstream_calls
        self.from_stream += other.from_stream
        self.from_cache += other.from_cache

    def take(self) -> "Cost":
        """All of it, as a new Cost; this one is back at zero. So each event of a subscription tells its own part."""
        taken = Cost(self.upstream_calls, self.from_stream, self.from_cache)
        self.upstream_calls = self.from_stream = self.from_cache = 0
        return taken
