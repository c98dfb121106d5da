"""Pages of a search and their cursors. Row sets come in, a page goes out. Called by the catalogue."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.domain.errors import InvalidInput
from app.domain.instruments import Instrument, InstrumentMatch
from app.services.instruments.row_sets import RowSet, rows_of

MAX_PAGE = 100
"""Matches of one page."""
MAX_CURSOR = 64
"""Characters of a cursor of ours: a dozen of digest, and a number below the size of a master."""
MAX_PLACE_DIGITS = 9
"""More digits than the number of any master's rows has."""

Graded = Sequence[tuple[float, RowSet]]
"""Scores with the rows that have them, best first; no row twice."""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A page of matches, best first, with a cursor for each."""

    matches: list[InstrumentMatch]
    cursors: list[str]
    """Parallel to `matches`; to go on after a match, send its cursor with the same text and filter."""
    total: int
    """Matches on all pages."""
    has_next: bool
    has_previous: bool

    @property
    def edges(self) -> Iterator[tuple[str, InstrumentMatch]]:
        """Each match with its cursor."""
        return zip(self.cursors, self.matches, strict=True)

    @property
    def start_cursor(self) -> str | None:
        """Cursor of the first match; None on an empty page."""
        return self.cursors[0] if self.cursors else None

    @property
    def end_cursor(self) -> str | None:
        """Cursor of the last match; None on an empty page."""
        return self.cursors[-1] if self.cursors else None


def page_of(
    found: Graded, instruments: Sequence[Instrument], digest: str, *, first: int, after: str | None
) -> SearchPage:
    """The `first` matches after a cursor. Raises InvalidInput for a page size or a cursor that is none."""
    if not 1 <= first <= MAX_PAGE:
        raise InvalidInput(f"first is the size of a page, 1 to {MAX_PAGE}; not {first}")
    start = 0 if after is None else _parse_cursor(after, digest) + 1
    total = sum(rows.bit_count() for _, rows in found)
    matches = [InstrumentMatch(instruments[row], score) for score, row in _window(found, start, first)]
    return SearchPage(
        matches=matches,
        cursors=[_cursor(digest, start + place) for place in range(len(matches))],
        total=total,
        has_next=start + len(matches) < total,
        has_previous=start > 0,
    )


def _window(found: Graded, start: int, count: int) -> Iterator[tuple[float, int]]:
    for score, rows in found:
        size = rows.bit_count()
        if start < size and count > 0:
            taken = rows_of(rows, start, count)
            yield from ((score, row) for row in taken)
            count -= len(taken)
        start = max(0, start - size)


def _cursor(digest: str, place: int) -> str:
    return urlsafe_b64encode(f"{digest}:{place}".encode()).decode().rstrip("=")


def _parse_cursor(cursor: str, digest: str) -> int:
    """The place that a cursor of this search stands for. Raises InvalidInput for any other text."""
    try:
        text = urlsafe_b64decode(cursor[:MAX_CURSOR] + "=" * (-len(cursor) % 4)).decode("ascii")
    except ValueError:
        text = ""
    known, _, place = text.partition(":")
    is_number = place.isascii() and place.isdigit() and len(place) <= MAX_PLACE_DIGITS
    if not is_number or _cursor(known, int(place)) != cursor:
        raise InvalidInput(f"{cursor[:40]!r} is not a cursor; send back one of this search's cursors unchanged")
    if known != digest:
        msg = "this cursor belongs to another search; keep text and filter the same from page to page"
        raise InvalidInput(msg)
    return int(place)
