"""One client's part in a shared stream, and what waits for those that cannot be written to.

`SharedStream` makes and moves both; `LiveStreams` waits for a member's end.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from schema.execution.engine import Result
from schema.live.outlet import Outlet
from schema.live.sharing import Payloads

COMPACT_AT = 32
"""Payloads kept one by one before they are merged: merging each as it comes would copy the whole state each time."""

Merge = Callable[[Payloads], Payloads]


class Pending:
    """Payloads that wait, oldest first; all who fell behind at the same payload share one.

    Bounded: from COMPACT_AT on they are merged, and what the merge leaves is bounded by the state, or by a constant.
    """

    __slots__ = ("_compact_at", "_merge", "encoded", "payloads", "updates")

    def __init__(self, merge: Merge, payloads: Payloads = (), updates: int = 0) -> None:
        self._merge = merge
        self._compact_at = COMPACT_AT
        self.payloads: list[Any] = list(payloads)
        self.updates = updates
        """How many updates of the stream these stand for."""
        self.encoded: list[bytes] | None = None
        """The results of `merged`, once somebody needed them."""

    def add(self, payload: object) -> None:
        """One more update."""
        self.payloads.append(payload)
        self.updates += 1
        self.encoded = None
        if len(self.payloads) >= self._compact_at:
            self.payloads[:] = self._merge(self.payloads)
            self._compact_at = len(self.payloads) + COMPACT_AT

    def merged(self) -> Payloads:
        """The fewest payloads that say it all."""
        return self._merge(self.payloads)


class Member:
    """A client that keeps up (`pending` is None), or one that is behind what is pending."""

    __slots__ = ("ended", "events", "outlet", "pending")

    def __init__(self, outlet: Outlet, pending: Pending | None) -> None:
        self.outlet = outlet
        self.pending = pending
        self.events = 0
        """Results that were sent."""
        self.ended: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        """The stream's last result, without data and perhaps empty, once this member has all that came before it."""

    def end(self, result: Result) -> None:
        """There is nothing more."""
        if not self.ended.done():
            self.ended.set_result(result)
