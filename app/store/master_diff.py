"""What a new master changes. Pure; for both implementations of the bulk store."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from app.domain.instruments import Instrument


class MasterDiff:
    """The new master against the stored one, which passes by in chunks so that it is never in memory as a whole.

    added - gone is always the difference of the two masters' sizes. An id that a master has twice counts once,
    with its first row.
    """

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._unseen: dict[str, Instrument] = {}
        for instrument in instruments:
            self._unseen.setdefault(instrument.id, instrument)
        self.total = len(self._unseen)
        """Distinct instruments of the new master."""
        self.changed: list[Instrument] = []
        self.gone: list[str] = []

    def compare(self, stored: Iterable[Instrument]) -> None:
        """Take note of rows that the stored master holds; each must pass once."""
        for old in stored:
            new = self._unseen.pop(old.id, None)
            if new is None:
                self.gone.append(old.id)
            elif new != old:
                self.changed.append(new)

    @property
    def added(self) -> int:
        """Instruments that the stored master has not; right when all of it has passed."""
        return len(self._unseen)

    def written(self) -> Iterator[Instrument]:
        """The instruments whose rows must be written."""
        return chain(self._unseen.values(), self.changed)
