"""The mailbox of a state stream: the newest quote of each instrument, for one reader.

The feed puts quotes in; a `quotes` subscription takes them out at its own pace.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.errors import MarketDataError
from app.domain.feeds import FeedState
from app.domain.quotes import Quote, StreamMode


@dataclass(frozen=True, slots=True)
class QuoteChanges:
    """What changed since the last take."""

    quotes: list[Quote]
    """The newest quote of each instrument that changed; empty if only the feed's state did."""
    merged: int
    """Quotes that newer ones replaced before they could be taken."""
    updates_merged: int
    """How many updates a quicker reader would have had in between: as often as any one instrument was replaced."""
    feed: FeedState
    """The feed's state at this moment."""


class QuoteMailbox:
    """Newest state for one reader.

    Buffered: one quote an instrument, so memory is bounded by the instruments. Full policy: a newer
    quote replaces the older one and is counted. `put` never waits, so no reader delays another. For
    one event loop, not thread-safe. `take` is cancel-safe: what it did not return stays in the box.
    """

    def __init__(self, mode: StreamMode, feed: FeedState, rejected: Mapping[str, MarketDataError]) -> None:
        self.rejected = rejected
        """Why instruments that were asked for are not carried, by id."""
        self._mode = mode
        self._feed = feed
        self._feed_changed = False
        self._merged = 0
        self._replaced: dict[str, int] = {}
        self._newest: dict[str, Quote] = {}
        self._filled = asyncio.Event()

    def put(self, quote: Quote) -> None:
        """Keep the quote until it is taken or replaced.

        One in a lower mode than the box was opened for is left out: the source is still switching,
        and its missing fields would look like lost ones.
        """
        if quote.mode < self._mode:
            return
        if quote.id in self._newest:
            self._merged += 1
            self._replaced[quote.id] = self._replaced.get(quote.id, 0) + 1
        self._newest[quote.id] = quote
        self._filled.set()

    def tell(self, feed: FeedState) -> None:
        """Wake the reader if the feed's state is another one."""
        if feed is not self._feed:
            self._feed = feed
            self._feed_changed = True
            self._filled.set()

    async def take(self) -> QuoteChanges:
        """Wait until something changed; everything newest, at once. The box is empty after it."""
        while (changes := self.take_now()) is None:
            self._filled.clear()
            await self._filled.wait()
        return changes

    def take_now(self) -> QuoteChanges | None:
        """What `take` would return at once; None if it would wait."""
        if not (self._newest or self._feed_changed):
            return None
        quotes, self._newest = list(self._newest.values()), {}
        merged, self._merged = self._merged, 0
        replaced, self._replaced = self._replaced, {}
        self._feed_changed = False
        return QuoteChanges(quotes, merged, max(replaced.values(), default=0), self._feed)
