"""A search as a caller sends it, checked. Called by the catalogue."""

from dataclasses import dataclass, fields
from hashlib import blake2b
from math import inf

from app.domain.errors import InvalidInput, InvalidRange
from app.domain.instruments import InstrumentFilter, parse_instrument_id
from app.services.instruments.words import normalised

MAX_TEXT = 100
"""Characters of a search: the longest names have 60."""
MAX_WORDS = 10
"""Words of a search: each costs up to 2 ms, and hardly a company's name has more."""


@dataclass(frozen=True, slots=True)
class Search:
    """A checked question. `str` of two searches is the same exactly when they ask the same."""

    text: str
    """Normalised; empty to list what the filter lets through."""
    filter: InstrumentFilter

    @classmethod
    def parse(cls, text: str, narrowed: InstrumentFilter | None) -> "Search":
        """A search from what a caller sent. Raises InvalidInput, which says what is wrong."""
        if len(text) > MAX_TEXT:
            raise InvalidInput(f"a search text has at most {MAX_TEXT} characters; this one has {len(text)}")
        search = cls(normalised(text), narrowed or InstrumentFilter())
        if len(search.text.split()) > MAX_WORDS:
            raise InvalidInput(f"a search text has at most {MAX_WORDS} words; leave some out")
        if not search.text and search.filter == InstrumentFilter():
            msg = "the search text is empty: write a symbol or a name, such as INFY, or send a filter"
            raise InvalidInput(msg)
        _check(search.filter)
        return search

    @property
    def digest(self) -> str:
        """A short name of the question, the same in every process."""
        parts = [self.text]
        for item in fields(self.filter):
            value = getattr(self.filter, item.name)
            parts.append(repr(sorted(value)) if isinstance(value, frozenset) else repr(value))
        return blake2b("\n".join(parts).encode(), digest_size=6).hexdigest()


def _check(narrowed: InstrumentFilter) -> None:
    for what, values in (("exchanges", narrowed.exchanges), ("kinds", narrowed.kinds)):
        if values is not None and not values:
            raise InvalidInput(f"filter.{what} is an empty list, which nothing matches; leave it out for any")
    if narrowed.underlying is not None:
        parse_instrument_id(narrowed.underlying)
    if narrowed.expiry_from and narrowed.expiry_to and narrowed.expiry_from > narrowed.expiry_to:
        msg = f"expiryFrom {narrowed.expiry_from} is after expiryTo {narrowed.expiry_to}; swap them"
        raise InvalidRange(msg)
    _check_strikes(narrowed.strike_from, narrowed.strike_to)


def _check_strikes(low: float | None, high: float | None) -> None:
    for name, strike in (("strikeFrom", low), ("strikeTo", high)):
        if strike is not None and not 0 <= strike < inf:
            raise InvalidRange(f"{name} {strike} is no strike; write a price, 0 or more")
    if low is not None and high is not None and low > high:
        raise InvalidRange(f"strikeFrom {low:g} is above strikeTo {high:g}; swap them")
