"""The newest streamed quotes, completed with what only REST tells. Used by the feed."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from app.domain.quotes import Quote, carry_over

REMEMBERED_QUOTES = 20_000
"""REST quotes kept for their circuit limits: twice what three sockets carry, about 15 MB."""


class QuoteBook:
    """Newest streamed quote by instrument id. Bounded by what is subscribed, plus REMEMBERED_QUOTES.

    Synchronous, not thread-safe. The stream carries no circuit limits: those of the last REST quote
    of the same day are added to every streamed one.
    """

    def __init__(self) -> None:
        self._streamed: dict[str, Quote] = {}
        self._remembered: OrderedDict[str, Quote] = OrderedDict()

    def enter(self, quote: Quote) -> Quote:
        """Make a streamed quote the newest; it, completed."""
        completed = carry_over(quote, self._remembered.get(quote.id))
        self._streamed[quote.id] = completed
        return completed

    def newest(self, instrument_id: str) -> Quote | None:
        """The newest streamed quote since the instrument was last forgotten."""
        return self._streamed.get(instrument_id)

    def newest_of(self, instrument_ids: Iterable[str]) -> list[Quote | None]:
        """What `newest` says of each, in order."""
        return list(map(self._streamed.get, instrument_ids))

    def forget(self, instrument_ids: Iterable[str] | None) -> None:
        """Drop streamed quotes that can no longer be called newest; None: all of them."""
        if instrument_ids is None:
            self._streamed.clear()
            return
        for instrument_id in instrument_ids:
            self._streamed.pop(instrument_id, None)

    def remember(self, quotes: Sequence[Quote]) -> None:
        """Keep the circuit limits of REST quotes; those without limits change nothing."""
        for quote in quotes:
            if quote.lower_circuit_limit is None:
                continue
            self._remembered[quote.id] = quote
            self._remembered.move_to_end(quote.id)
            streamed = self._streamed.get(quote.id)
            if streamed is not None:
                bare = replace(streamed, lower_circuit_limit=None, upper_circuit_limit=None)
                self._streamed[quote.id] = carry_over(bare, quote)
        while len(self._remembered) > REMEMBERED_QUOTES:
            self._remembered.popitem(last=False)
