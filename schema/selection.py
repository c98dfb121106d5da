"""How much of the stream a subscription needs: the lowest mode that has every selected field of Quote."""

from collections.abc import Iterable

from strawberry.types.nodes import FragmentSpread, InlineFragment, SelectedField, Selection

from app.domain.quotes import StreamMode

LTP_FIELDS = frozenset(
    {"id", "instrument", "lastPrice", "receivedAt", "ageMs", "freshness", "source", "fallbackReason"}
)
"""What the 8-byte packet carries, and what we add ourselves."""
QUOTE_FIELDS = LTP_FIELDS | {
    "open", "high", "low", "previousClose", "change", "changePercent",
    "volume", "averagePrice", "lastQuantity", "buyQuantity", "sellQuantity",
}  # fmt: skip
"""What the 44-byte packet carries; everything else needs the full one."""


def required_mode(selections: Iterable[Selection]) -> StreamMode:
    """The mode that serves the selection of a field `quotes: [Quote!]!` anywhere below `selections`."""
    names = set(_quote_fields(selections))
    if names <= LTP_FIELDS:
        return StreamMode.LTP
    return StreamMode.QUOTE if names <= QUOTE_FIELDS else StreamMode.FULL


def _quote_fields(selections: Iterable[Selection]) -> Iterable[str]:
    """Names of the fields selected of each quote, `__typename` left out."""
    for field in _flatten(selections):
        if field.name == "quotes":
            yield from (leaf.name for leaf in _flatten(field.selections) if not leaf.name.startswith("__"))


def _flatten(selections: Iterable[Selection]) -> Iterable[SelectedField]:
    """The fields of a selection with its fragments opened."""
    for selection in selections:
        if isinstance(selection, FragmentSpread | InlineFragment):
            yield from _flatten(selection.selections)
        else:
            yield selection
