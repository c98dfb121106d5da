"""Stores and sources in memory, for the instrument service."""

from collections.abc import Sequence
from datetime import date

from app.domain.errors import MarketDataError
from app.domain.instruments import Instrument
from app.domain.provenance import DataSource
from app.ports import InstrumentDump, SyncReport
from tests.support.clock import FixedClock


class MemoryInstruments:
    """An InstrumentStore that remembers the last master and how often it was replaced."""

    def __init__(self, clock: FixedClock) -> None:
        self._clock = clock
        self.master: list[Instrument] = []
        self.replaced: list[date] = []

    async def current(self) -> list[Instrument]:
        """The last master."""
        return list(self.master)

    async def replace_master(self, instruments: Sequence[Instrument], *, seen_on: date) -> SyncReport:
        """Keep it."""
        added = len({item.id for item in instruments} - {item.id for item in self.master})
        gone = len({item.id for item in self.master} - {item.id for item in instruments})
        self.master = list(instruments)
        self.replaced.append(seen_on)
        return SyncReport(self._clock.now(), len(self.master), added=added, changed=0, gone=gone)


class MemorySettings:
    """A SettingStore."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}

    async def get(self, name: str) -> object | None:
        """The value."""
        return self.values.get(name)

    async def put(self, name: str, value: object) -> None:
        """Keep it."""
        self.values[name] = value


class ScriptedMaster:
    """An InstrumentSource that answers from a script; the last answer is repeated."""

    def __init__(self, *answers: Sequence[Instrument] | Exception, source: DataSource = DataSource.KITE) -> None:
        self.source = source
        self.answers = list(answers)
        self.asked = 0

    async def instruments(self) -> InstrumentDump:
        """The next answer."""
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return InstrumentDump(tuple(answer), digest=repr(sorted(item.id for item in answer)))


def failure(kind: type[MarketDataError], message: str = "Kite is down") -> MarketDataError:
    """An error of a source."""
    return kind(message)
