"""Which mailboxes want which instrument. Used by the feed, once for quotes and once for ticks."""

from collections.abc import Collection, Hashable, Iterable
from typing import Generic, TypeVar

Box = TypeVar("Box", bound=Hashable)


class Fanout(Generic[Box]):
    """Mailboxes by instrument id. Finding those of an id is one look-up; not thread-safe."""

    def __init__(self) -> None:
        self._by_id: dict[str, dict[Box, None]] = {}
        self._ids: dict[Box, frozenset[str]] = {}

    def add(self, box: Box, ids: Iterable[str]) -> None:
        """The box belongs to these instruments from now on."""
        self._ids[box] = frozenset(ids)
        for instrument_id in self._ids[box]:
            self._by_id.setdefault(instrument_id, {})[box] = None

    def remove(self, box: Box) -> None:
        """The box belongs to nothing any more."""
        for instrument_id in self._ids.pop(box):
            boxes = self._by_id[instrument_id]
            del boxes[box]
            if not boxes:
                del self._by_id[instrument_id]

    def of(self, instrument_id: str) -> Collection[Box]:
        """The boxes of one instrument."""
        return self._by_id.get(instrument_id, ())

    def of_any(self, instrument_ids: Collection[str] | None) -> Collection[Box]:
        """The boxes of any of these instruments, each once; None: all boxes."""
        if instrument_ids is None:
            return self._ids.keys()
        return {box: None for instrument_id in instrument_ids for box in self.of(instrument_id)}
