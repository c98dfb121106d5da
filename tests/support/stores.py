"""Stores in memory, for tests of what is built on them. They pass the contract tests of the SQL ones."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import anyio.lowlevel

from app.domain.candle_chunks import CandleChunk, chunk_of
from app.domain.candles import Candle, CandleRange, Interval
from app.domain.jobs import FINISHED, Job
from app.ports import Coverage
from app.store.candle_rows import encode_bars
from app.store.coverage import check_known, touches, with_known


class MemoryCandleStore:
    """Satisfies ports.CandleStore. Every method lets other tasks run once, as a database would."""

    def __init__(self) -> None:
        self._bars: dict[tuple[str, Interval], dict[datetime, Candle]] = defaultdict(dict)
        self._known: dict[tuple[str, Interval], list[Coverage]] = defaultdict(list)
        self._writes: Counter[tuple[str, Interval]] = Counter()

    async def bars(self, instrument_id: str, interval: Interval, span: CandleRange) -> list[Candle]:
        """The stored bars that open in [start, end), oldest first."""
        await anyio.lowlevel.checkpoint()
        return [bar for bar in self._sorted(instrument_id, interval) if span.start <= bar.time < span.end]

    async def last_bars(self, instrument_id: str, interval: Interval, *, before: datetime, count: int) -> list[Candle]:
        """The newest `count` stored bars that open before an instant, oldest first."""
        await anyio.lowlevel.checkpoint()
        found = [bar for bar in self._sorted(instrument_id, interval) if bar.time < before]
        return found[-count:] if count > 0 else []

    async def chunk(self, instrument_id: str, interval: Interval, span: CandleRange) -> CandleChunk:
        """The same as columns."""
        return chunk_of(await self.bars(instrument_id, interval, span))

    async def opening(self, instrument_id: str, interval: Interval, *, before: datetime, count: int) -> datetime | None:
        """When the `count`-th bar before an instant opens; None if there are fewer."""
        found = await self.last_bars(instrument_id, interval, before=before, count=count)
        return found[0].time if len(found) == count else None

    async def writes(self, instrument_id: str, interval: Interval) -> int:
        """How often the series was written."""
        await anyio.lowlevel.checkpoint()
        return self._writes[instrument_id, interval]

    async def coverage(self, instrument_id: str, interval: Interval, within: CandleRange) -> list[Coverage]:
        """Known spans that overlap or touch `within`, whole, oldest first."""
        await anyio.lowlevel.checkpoint()
        return [known for known in self._known[instrument_id, interval] if touches(known.span, within)]

    async def save(self, instrument_id: str, interval: Interval, bars: Sequence[Candle], known: Coverage) -> None:
        """Store bars and mark the span as known. Raises ValueError for what a real store refuses."""
        check_known(known)
        await self.replace(instrument_id, interval, bars)
        key = instrument_id, interval
        self._known[key] = with_known(self._known[key], _in_utc(known))

    async def replace(self, instrument_id: str, interval: Interval, bars: Sequence[Candle]) -> None:
        """Store corrected bars without a word on coverage."""
        encode_bars(bars)
        await anyio.lowlevel.checkpoint()
        self._writes[instrument_id, interval] += 1
        self._bars[instrument_id, interval].update({bar.time: bar for bar in bars})

    async def drop(self, instrument_id: str, interval: Interval) -> int:
        """Forget bars and coverage of one series; how many bars there were."""
        await anyio.lowlevel.checkpoint()
        self._known.pop((instrument_id, interval), None)
        self._writes[instrument_id, interval] += 1
        return len(self._bars.pop((instrument_id, interval), {}))

    def _sorted(self, instrument_id: str, interval: Interval) -> list[Candle]:
        return sorted(self._bars[instrument_id, interval].values(), key=lambda bar: bar.time)


class MemoryJobStore:
    """Satisfies ports.JobStore."""

    def __init__(self) -> None:
        self._jobs: dict[str, tuple[Job, str]] = {}

    async def save(self, job: Job, request: Mapping[str, object]) -> None:
        """Insert or replace a job with what it was asked to do, as JSON."""
        await anyio.lowlevel.checkpoint()
        self._jobs[job.id] = job, json.dumps(dict(request))

    async def find(self, job_id: str) -> Job | None:
        """The job with this id."""
        await anyio.lowlevel.checkpoint()
        job, _request = self._jobs.get(job_id, (None, ""))
        return job

    async def newest(self, count: int) -> list[Job]:
        """The newest jobs, newest first."""
        await anyio.lowlevel.checkpoint()
        return [job for job, _request in reversed(self._oldest_first())][: max(count, 0)]

    async def unfinished(self) -> list[tuple[Job, Mapping[str, object]]]:
        """Jobs that are queued or running, oldest first, with their requests."""
        await anyio.lowlevel.checkpoint()
        return [(job, json.loads(request)) for job, request in self._oldest_first() if job.state not in FINISHED]

    def _oldest_first(self) -> list[tuple[Job, str]]:
        return sorted(self._jobs.values(), key=lambda saved: (saved[0].created_at, saved[0].id))


def _in_utc(known: Coverage) -> Coverage:
    span = CandleRange(known.span.start.astimezone(UTC), known.span.end.astimezone(UTC))
    return Coverage(span, known.source, known.fetched_at.astimezone(UTC))
