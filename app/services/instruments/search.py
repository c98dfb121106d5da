"""Which rows answer a search, best first. Called by the catalogue."""

from collections.abc import Iterator
from datetime import date
from functools import reduce
from operator import or_

from app.domain.instruments import Exchange, InstrumentFilter
from app.services.instruments.index import Grade, InstrumentIndex, Matches, together
from app.services.instruments.pages import Graded
from app.services.instruments.question import Search
from app.services.instruments.row_sets import RowSet, row_set

SCORES = {Grade.EXACT: 1.0, Grade.PREFIX: 0.8, Grade.NAME: 0.6, Grade.PART: 0.4}
LISTED_SCORE = 1.0
"""Without a text everything that the filter lets through is what was asked for."""


def search_rows(index: InstrumentIndex, search: Search, today: date | None) -> Graded:
    """The rows that answer it. Contracts that expired before `today` are out."""
    allowed = _allowed(index, search.filter, today)
    if not search.text:
        return [(LISTED_SCORE, rows & allowed) for rows in _by_expiry(index)]
    found: list[tuple[float, RowSet]] = []
    better = 0
    for grade, rows in zip(Grade, _graded(index, search.text), strict=True):
        found.append((SCORES[grade], rows & allowed & ~better))
        better |= rows
    return found


def _graded(index: InstrumentIndex, text: str) -> Matches:
    """All words AND-ed; better than that, the text as a whole being a symbol (NIFTY 50) or beginning one."""
    exchange, colon, symbol = text.partition(":")
    if colon and exchange in Exchange.__members__ and symbol:
        within = index.exchanges.get(Exchange(exchange), 0)
        return [rows & within for rows in _graded(index, symbol)]
    exact, prefix, name, part = together(index.matches(word) for word in text.split())
    exact |= index.symbol_is(text) | index.symbol_is(text.replace(" ", ""))
    prefix |= exact | index.symbol_begins(text)
    return exact, prefix, prefix | name, prefix | part


def _by_expiry(index: InstrumentIndex) -> Iterator[RowSet]:
    """All rows: those without expiry, then by expiry; the rows' own order has strike and kind."""
    dated = reduce(or_, index.expiries.values(), 0)
    yield ~dated & ((1 << index.size) - 1)
    yield from index.expiries.values()


def _allowed(index: InstrumentIndex, narrowed: InstrumentFilter, today: date | None) -> RowSet:
    allowed = (1 << index.size) - 1
    if narrowed.exchanges is not None:
        allowed &= reduce(or_, (index.exchanges.get(exchange, 0) for exchange in narrowed.exchanges), 0)
    if narrowed.kinds is not None:
        allowed &= reduce(or_, (index.kinds.get(kind, 0) for kind in narrowed.kinds), 0)
    if narrowed.underlying is not None:
        allowed &= row_set(index.derivatives.get(narrowed.underlying, ()), index.size)
    if narrowed.strike_from is not None or narrowed.strike_to is not None:
        allowed &= index.strikes_between(narrowed.strike_from, narrowed.strike_to)
    return allowed & _unexpired(index, narrowed, today)


def _unexpired(index: InstrumentIndex, narrowed: InstrumentFilter, today: date | None) -> RowSet:
    low = max(filter(None, (narrowed.expiry, narrowed.expiry_from)), default=None)
    high = min(filter(None, (narrowed.expiry, narrowed.expiry_to)), default=None)
    if low is not None or high is not None:
        wanted = (rows for day, rows in index.expiries.items() if (low or day) <= day <= (high or day))
        found = reduce(or_, wanted, 0)
    else:
        found = (1 << index.size) - 1
    past = (rows for day, rows in index.expiries.items() if today is not None and day < today)
    return found & ~reduce(or_, past, 0)
