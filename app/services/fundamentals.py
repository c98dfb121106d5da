"""Fundamentals on request, remembered: they change once a day, and their source sells one request a second.

Comes in: an instrument. Goes out: Fundamentals, or why there are none. Called by the resolvers of `fundamentals`.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable

import anyio

from app.domain.errors import MarketDataError, SourceError
from app.domain.fundamentals import Fundamentals
from app.domain.instruments import Instrument
from app.domain.provenance import Cost
from app.domain.spending import requests_spent
from app.ports import Clock

REMEMBERED_SECONDS = 900.0
"""A quarter of an hour: only the price in the ratios moves in that time, and `asOf` says of when it is."""
REFUSED_SECONDS = 60.0
"""How long it is believed that a source has none: it is asked once a minute at most."""
CAPACITY = 5_000
"""Answers kept, 1 KB each: more instruments than anybody looks at in a quarter of an hour."""

Ask = Callable[[Instrument], Awaitable[Fundamentals]]


class FundamentalsService:
    """Answers from memory or from one call that all who ask for the instrument share. For one event loop."""

    def __init__(self, ask: Ask, clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Fundamentals | MarketDataError]] = OrderedDict()
        self._asking: dict[str, anyio.Lock] = {}

    async def fundamentals(self, instrument: Instrument, cost: Cost) -> Fundamentals:
        """What the source knows. `cost` grows by the call that this took.

        Raises NotSupported, NotPriced, SourceError.
        """
        lock = self._asking.setdefault(instrument.id, anyio.Lock())
        try:
            async with lock:
                answer = self._remembered(instrument.id)
                if answer is None:
                    answer = await self._fetch(instrument, cost)
        finally:
            if not lock.statistics().tasks_waiting and not lock.locked():
                self._asking.pop(instrument.id, None)
        if isinstance(answer, MarketDataError):
            raise answer.with_traceback(None)
        return answer

    def _remembered(self, key: str) -> Fundamentals | MarketDataError | None:
        until, answer = self._known.get(key, (0.0, None))
        return answer if self._clock.monotonic() < until else None

    async def _fetch(self, instrument: Instrument, cost: Cost) -> Fundamentals | MarketDataError:
        answer: Fundamentals | MarketDataError
        try:
            answer, seconds = await self._ask(instrument), REMEMBERED_SECONDS
            cost.upstream_calls += 1
        except MarketDataError as error:
            cost.upstream_calls += requests_spent(error)
            if isinstance(error, SourceError):
                raise
            answer, seconds = error, REFUSED_SECONDS
        self._known[instrument.id] = self._clock.monotonic() + seconds, answer
        self._known.move_to_end(instrument.id)
        if len(self._known) > CAPACITY:
            self._known.popitem(last=False)
        return answer
