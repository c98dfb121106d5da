"""Where a member's results go: one operation of one client, seen from the stream."""

from collections.abc import Callable
from typing import Protocol


class Outlet(Protocol):
    """A way to one client that can be full. Everything here is synchronous: no client makes a stream wait."""

    def write(self, encoded: bytes) -> bool:
        """Send a result, encoded as JSON; False and nothing sent if the client's socket cannot take it now."""
        ...

    def when_ready(self, callback: Callable[[], None]) -> None:
        """Call back once, when the socket takes more; never, if it ends before."""
        ...
