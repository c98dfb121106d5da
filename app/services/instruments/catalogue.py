"""The instrument master in memory. Built from a sync's instruments; asked by everything that takes an id."""

from collections.abc import Iterable, Sequence
from datetime import date

from app.domain.errors import InvalidInput, SourceUnavailable, UnknownInstrument
from app.domain.instruments import Instrument, InstrumentFilter, InstrumentMatch, parse_instrument_id
from app.services.instruments.hints import near_ids
from app.services.instruments.index import InstrumentIndex
from app.services.instruments.order import search_order
from app.services.instruments.pages import MAX_PAGE, SearchPage, page_of
from app.services.instruments.question import Search
from app.services.instruments.search import search_rows

PAGE = 20
"""Matches of a page when the caller does not say."""


class InstrumentCatalogue:
    """One day's master: immutable, safe to share between threads, replaced as a whole by the next one.

    Building it takes about 1 s of CPU for 130,000 instruments (do it in a thread), a look-up less than a
    microsecond, a search a few milliseconds.
    """

    def __init__(self, instruments: Sequence[Instrument], synced_on: date | None = None) -> None:
        self.synced_on = synced_on
        """Date of the sync in India; None for the empty catalogue before the first one."""
        self._underlyings = frozenset(item.underlying_id for item in instruments if item.underlying_id is not None)
        self._by_id = {item.id: item for item in instruments}
        self._instruments = search_order(self._by_id.values(), self._underlyings)
        self._by_token = _by_token(self._instruments)
        self._index = InstrumentIndex(self._instruments)

    def __len__(self) -> int:
        return len(self._instruments)

    def instruments(self) -> list[Instrument]:
        """All of them, in the order of `search_page` for equal matches; a new list."""
        return list(self._instruments)

    def find(self, instrument_id: str) -> Instrument | None:
        """The instrument with exactly this id."""
        return self._by_id.get(instrument_id)

    def find_each(self, instrument_ids: Iterable[str]) -> list[Instrument | None]:
        """What `find` says of each, in order."""
        return list(map(self._by_id.get, instrument_ids))

    def by_token(self, token: int) -> Instrument | None:
        """The instrument with this token; of several, the one that expires last or never."""
        return self._by_token.get(token)

    def has_derivatives(self, instrument_id: str) -> bool:
        """Whether futures or options are written on it."""
        return instrument_id in self._underlyings

    def derivatives_of(self, underlying_id: str) -> list[Instrument]:
        """Its futures and options: futures first, each by expiry, strike and symbol."""
        return [self._instruments[row] for row in self._index.derivatives.get(underlying_id, ())]

    def search_page(
        self,
        text: str,
        narrowed: InstrumentFilter | None = None,
        *,
        first: int = PAGE,
        after: str | None = None,
        today: date | None = None,
    ) -> SearchPage:
        """The instruments that match all words of the text and the filter, best first; all scores fall or stay.

        Exact symbols come before symbols that begin so, words of a name, and parts of either; what is alike goes
        stocks and indices, ETFs, futures, options, then NSE before BSE, nearer expiry, strike, symbol. A blank text
        lists what the filter lets through, by expiry, strike and kind. Contracts that expired before `today` are
        left out. Cursors hold for this text and filter, as long as the master is the same. Raises InvalidInput.
        """
        search = Search.parse(text, narrowed)
        found = search_rows(self._index, search, today)
        return page_of(found, self._instruments, search.digest, first=first, after=after)

    def search(
        self, text: str, narrowed: InstrumentFilter | None = None, *, first: int = PAGE
    ) -> list[InstrumentMatch]:
        """The first matches of `search_page`."""
        return self.search_page(text, narrowed, first=min(first, MAX_PAGE)).matches

    def require(self, instrument_id: str, today: date) -> Instrument:
        """The instrument that can be asked for today.

        Raises InvalidInput for what is no id, UnknownInstrument, with near matches, for what does not exist or has
        expired: an expired contract's token may belong to another one by now; SourceUnavailable before the
        first master.
        """
        found = self._by_id.get(instrument_id)
        if found is None:
            raise self._unknown(instrument_id)
        if found.expiry is not None and found.expiry < today:
            raise UnknownInstrument(f"{instrument_id} expired on {found.expiry.isoformat()}; use a later contract")
        return found

    def _unknown(self, instrument_id: str) -> UnknownInstrument | InvalidInput | SourceUnavailable:
        try:
            exchange, symbol = parse_instrument_id(instrument_id)
        except InvalidInput as error:
            return error
        if not self._instruments:
            return SourceUnavailable(
                f"{instrument_id} is not known yet: the instrument master has not been loaded; ask again in a moment"
            )
        near = near_ids(exchange, symbol, index=self._index, instruments=self._instruments, by_id=self._by_id)
        hint = f"did you mean {' or '.join(near)}?" if near else "look it up with searchInstruments"
        return UnknownInstrument(f"there is no instrument {instrument_id}; {hint}")


def _by_token(instruments: Sequence[Instrument]) -> dict[int, Instrument]:
    """Instruments by token. A master of one morning has each token once; an odd row must not hide a living one."""
    found: dict[int, Instrument] = {}
    for instrument in instruments:
        token = instrument.instrument_token
        if token is None:
            continue
        held = found.setdefault(token, instrument)
        if held.expiry is not None and (instrument.expiry is None or instrument.expiry > held.expiry):
            found[token] = instrument
    return found
