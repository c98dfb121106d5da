"""History from the first source that can give it: each source keeps its bars apart, and an answer has those of one.

Comes in: what a history service is asked. Goes out: what it answers, labelled where it was not the first choice.
Satisfies ports.CandleHistory; called by the resolvers, the jobs, the indicators and the live candles.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import anyio

from app.domain.candles import CandleRange, CandleSeries, Interval
from app.domain.errors import InvalidRange, MarketDataError, NotPriced, NotSupported, SourceError
from app.domain.instruments import Instrument
from app.domain.provenance import Cost, DataSource
from app.ports import Coverage
from app.services.history.fetches import Priority
from app.services.history.service import HistoryService, unheard


@dataclass(frozen=True, slots=True)
class Shelf:
    """The history of one source."""

    name: DataSource
    """What messages call it: KITE or YAHOO, also where both are simulated."""
    history: HistoryService
    carries: Callable[[Instrument], bool]
    """Whether the source has this instrument at all."""


class RoutedHistory:
    """Histories in an order. Bars of two sources are never mixed in one answer: their volumes and closes differ."""

    def __init__(self, shelves: Sequence[Shelf]) -> None:
        """`shelves`: the first choice first."""
        self._shelves = shelves

    async def run(self) -> None:
        """Carry the upstream requests of all until cancelled."""
        async with anyio.create_task_group() as tasks:
            for shelf in self._shelves:
                tasks.start_soon(shelf.history.run)

    def source_of(self, instrument: Instrument) -> DataSource:
        """The instrument's first choice. Raises NotSupported if no source has it."""
        return self._of(instrument)[0].name

    async def candles(  # noqa: PLR0913 - the arguments of the GraphQL field, by keyword
        self,
        instrument: Instrument,
        interval: Interval,
        *,
        start: datetime | None,
        end: datetime | None,
        last: int | None,
        include_forming: bool,
        cost: Cost,
    ) -> CandleSeries:
        """As `HistoryService.candles`, from the first source that has any bar of it.

        Raises the first source's error if none has. A range that is wrong for the first choice is nobody's: it is the
        caller's fault.
        """
        first: MarketDataError | None = None
        reasons: list[str] = []
        for shelf in self._of(instrument):
            try:
                series = await shelf.history.candles(
                    instrument,
                    interval,
                    start=start,
                    end=end,
                    last=last,
                    include_forming=include_forming,
                    cost=cost,
                )
            except (SourceError, NotSupported, NotPriced, InvalidRange) as error:
                if first is None and isinstance(error, InvalidRange):
                    raise
                first = first or error
                reasons.append(f"{shelf.name}: {error.code}: {error.message}")
            else:
                return replace(series, fallback_reason="; ".join(reasons)) if reasons else series
        raise first or _nobody(instrument)

    async def stored(self, instrument: Instrument, interval: Interval, span: CandleRange) -> list[Coverage]:
        """As `HistoryService.stored`, of the instrument's first choice."""
        return await self._of(instrument)[0].history.stored(instrument, interval, span)

    async def requests_for(self, instrument: Instrument, interval: Interval, span: CandleRange) -> int:
        """As `HistoryService.requests_for`, of the instrument's first choice: others never fill its store."""
        return await self._of(instrument)[0].history.requests_for(instrument, interval, span)

    async def ensure(
        self,
        instrument: Instrument,
        interval: Interval,
        span: CandleRange,
        *,
        priority: Priority = Priority.BACKGROUND,
        progress: Callable[[int], None] = unheard,
    ) -> int:
        """As `HistoryService.ensure`, of the instrument's first choice."""
        history = self._of(instrument)[0].history
        return await history.ensure(instrument, interval, span, priority=priority, progress=progress)

    def _of(self, instrument: Instrument) -> list[Shelf]:
        found = [shelf for shelf in self._shelves if shelf.carries(instrument)]
        if not found:
            raise _nobody(instrument)
        return found


def _nobody(instrument: Instrument) -> NotSupported:
    return NotSupported(f"no source that is configured has candles of {instrument.id}")
