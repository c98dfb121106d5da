"""The market's context, computed once for all who ask and served from memory.

Comes in: prices from the quote service, closes of finished sessions, dated members of indices, the calendar. Goes out:
MarketContext, and the view of any other index. Called by the resolvers of `marketContext`; the runtime owns `run`.

A price counts only while it is fresh: one that is STALE is missing, with that reason. Nothing stands in for a missing
input.
"""

from collections import OrderedDict
from collections.abc import AsyncGenerator

import anyio

from app.domain.market_context import IndexView, MarketContext
from app.domain.provenance import Cost
from app.services.market_context.gathering import ContextParts, Gathering
from app.services.market_context.newest import Newest

__all__ = ["ContextParts", "MarketContexts"]

LIVE_SECONDS = 1.0
"""How long a context is given to everybody: prices at their sources change no more often than that."""
FIRST_PATIENCE = 3.0
"""Seconds after the very first question in which questions wait for closes; later they come from memory."""
MAX_INDICES = 30
"""Indices whose newest view is kept: each has up to some hundred members, and is computed only when asked for."""


class MarketContexts:
    """One context a second at most, however many ask, and one view of each index. Bounded. For one event loop."""

    def __init__(self, parts: ContextParts) -> None:
        self._parts = parts
        self._context = Newest(self._compute, parts.clock, LIVE_SECONDS)
        self._views: OrderedDict[str, Newest[IndexView]] = OrderedDict()
        self._patient_until: float | None = None

    async def run(self) -> None:
        """Keep the closes of finished sessions up to date until cancelled."""
        await self._parts.closes.run()

    async def context(self, cost: Cost) -> MarketContext:
        """The context of this second. `cost` grows by the requests that were needed for it."""
        now = anyio.current_time()
        if self._patient_until is None:
            self._patient_until = now + FIRST_PATIENCE
        if now < self._patient_until:
            with anyio.move_on_after(self._patient_until - now):
                await self._parts.closes.first_round()
        return await self._context.value(cost)

    async def view(self, index: str, cost: Cost) -> IndexView:
        """Breadth and movers of an index, at most a second old.

        Raises InvalidInput and UnknownInstrument for what is no id, NotSupported for an index without a list.
        """
        parts = self._parts
        parts.find(index)
        await parts.members.membership(index)
        kept = self._views.get(index)
        if kept is None:
            kept = self._views[index] = Newest(lambda spent: self._look(index, spent), parts.clock, LIVE_SECONDS)
            if len(self._views) > MAX_INDICES:
                self._views.popitem(last=False)
        self._views.move_to_end(index)
        return await kept.value(cost)

    async def updates(self, throttle: float, cost: Cost) -> AsyncGenerator[MarketContext, None]:
        """The context now, and again each `throttle` seconds, at least LIVE_SECONDS apart."""
        while True:
            yield await self.context(cost)
            await anyio.sleep(max(throttle, LIVE_SECONDS))

    async def _compute(self, cost: Cost) -> MarketContext:
        trend = self._parts.inputs.trend
        gathering = Gathering(self._parts)
        membership = await gathering.membership(trend)
        members = membership.members if membership else ()
        await gathering.prices(dict.fromkeys((*self._parts.inputs.quoted, *members)), cost)
        return gathering.context(membership)

    async def _look(self, index: str, cost: Cost) -> IndexView:
        gathering = Gathering(self._parts)
        membership = await gathering.membership(index)
        if membership is not None:
            await gathering.prices(membership.members, cost)
        return gathering.view(index, membership)
