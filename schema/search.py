"""A page of search results in Relay's words."""

from dataclasses import dataclass

from app.domain.instruments import Instrument, InstrumentFilter
from app.services.instruments.service import InstrumentService


@dataclass(frozen=True, slots=True)
class PageInfo:
    """Where a page stands in the whole result."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class InstrumentEdge:
    """One result with its position."""

    cursor: str
    node: Instrument
    score: float


@dataclass(frozen=True, slots=True)
class InstrumentConnection:
    """A page of search results, best first."""

    edges: list[InstrumentEdge]
    page_info: PageInfo
    total_count: int


def search(
    instruments: InstrumentService, text: str, narrow: InstrumentFilter | None, *, first: int, after: str | None
) -> InstrumentConnection:
    """A page of the ranked search. Raises InvalidInput for a text, filter, size or cursor that makes no sense."""
    page = instruments.search_page(text, narrow, first=first, after=after)
    return InstrumentConnection(
        edges=[
            InstrumentEdge(cursor, match.instrument, match.score)
            for cursor, match in zip(page.cursors, page.matches, strict=True)
        ],
        page_info=PageInfo(page.has_next, page.has_previous, page.start_cursor, page.end_cursor),
        total_count=page.total,
    )
