"""Sources that answer as a test says."""

from collections.abc import Sequence

import anyio

from app.domain.errors import MarketDataError, SourceError
from app.domain.instruments import Instrument
from app.domain.provenance import DataSource
from app.domain.quotes import Quote
from app.domain.spending import under_way
from app.ports import Clock, QuoteBatch


class ScriptedQuotes:
    """A QuoteSource with a price for some instruments, an outage, or a delay."""

    source = DataSource.SANDBOX

    def __init__(self, clock: Clock, price: float) -> None:
        self.clock = clock
        self.price = price
        self.unpriced: set[str] = set()
        self.failing: dict[str, MarketDataError] = {}
        self.outage: SourceError | None = None
        self.refusal: MarketDataError | None = None
        """What it says of all that it is asked for, though it works."""
        self.seconds = 0.0
        """Until it answers."""
        self.queue = 0.0
        """What its request waits in our own budget before."""
        self.requests = 1
        """Of each call."""
        self.asked: list[list[str]] = []

    async def quotes(self, instruments: Sequence[Instrument]) -> QuoteBatch:
        """One call."""
        self.asked.append([instrument.id for instrument in instruments])
        await anyio.sleep(self.queue)
        with under_way() as spending:
            spending.requests += self.requests
            await anyio.sleep(self.seconds)
        if self.outage is not None:
            raise self.outage
        if self.refusal is not None:
            raise self.refusal
        answered = [each.id for each in instruments if each.id not in self.unpriced | self.failing.keys()]
        quotes = {key: Quote(key, self.price, self.source, self.clock.now()) for key in answered}
        return QuoteBatch(quotes, {each.id: self.failing[each.id] for each in instruments if each.id in self.failing})
