"""Upstream requests for bars, that many callers share.

Comes in: fetches, from the archive. Goes out: each is carried out once, a few at a time, those that somebody waits for
before those of background work. A caller that leaves cancels nobody's fetch: they all live in `run()`, which the
runtime owns; only what nobody wants any more and has not begun is dropped.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

import anyio
import structlog

from app.domain.candles import Candle, CandleRange, Interval
from app.domain.changes import ChangeSignal
from app.domain.errors import MarketDataError, RateLimited, SourceError, SourceUnavailable
from app.domain.instruments import Instrument
from app.domain.spending import requests_spent
from app.services.history.drift import SeriesKey

MAX_RUNNING = 6
"""Requests at a time: Kite's 3 a second, each of which may take two seconds."""
PARALLEL = 3
"""Requests of one series at a time, so that another one's chart need not wait for a long history."""
MAX_WAITING = 200
"""Fetches that may wait: a minute and more at Kite's rate, and nobody waits longer than half of that."""
FOREVER = datetime.max.replace(tzinfo=UTC)

log = structlog.get_logger()


class Priority(IntEnum):
    """Who waits for a fetch."""

    INTERACTIVE = 0
    """A person, in front of a chart."""
    BACKGROUND = 1
    """A job: one at a time, and only while no interactive fetch waits or runs."""


@dataclass(eq=False, slots=True)
class Fetch:
    """One upstream request: wanted, then running, then done."""

    instrument: Instrument
    interval: Interval
    span: CandleRange
    priority: Priority
    to_now: bool = False
    """Whether it reaches to the newest bar, whenever it is sent."""
    overlap: tuple[Candle, ...] = ()
    """Stored bars inside the span, to be compared."""
    wanted_by: int = 0
    """Callers that wait for it."""
    running: bool = False
    done: bool = False
    calls: int = 0
    """Upstream requests it took, once it is done."""
    error: MarketDataError | None = None

    @property
    def key(self) -> SeriesKey:
        """Whose bars it brings."""
        return self.instrument.series_id, self.interval

    @property
    def reach(self) -> CandleRange:
        """The span in which it leaves nothing to ask for."""
        return CandleRange(self.span.start, FOREVER) if self.to_now else self.span


class FetchDesk:
    """Queue and workers. Bounded: MAX_WAITING. Cancel-safe. Nothing moves unless `run()` runs. For the event loop."""

    def __init__(self, perform: Callable[[Fetch], Awaitable[None]]) -> None:
        """`perform` does one request and keeps what came; it sets `calls`, and raises MarketDataError."""
        self.version = 0
        """Grows whenever a fetch is done: what was read before may be out of date."""
        self._perform = perform
        self._waiting: list[Fetch] = []
        self._running: list[Fetch] = []
        self._moved = ChangeSignal()

    def under_way(self, key: SeriesKey) -> list[Fetch]:
        """The fetches of a series that are not done."""
        return [fetch for fetch in (*self._running, *self._waiting) if fetch.key == key]

    def admit(self, fetches: Sequence[Fetch]) -> None:
        """Queue new fetches, first come first served. Raises RateLimited, and queues none, if too many wait."""
        if len(self._waiting) + len(fetches) > MAX_WAITING:
            msg = f"{len(self._waiting)} requests for history wait already; ask again later, or for less"
            raise RateLimited(msg, retry_after_ms=1000 * MAX_WAITING // PARALLEL)
        self._waiting.extend(fetches)

    def join(self, fetch: Fetch, priority: Priority) -> None:
        """One more caller waits for it, and it is as urgent as the most urgent of them."""
        fetch.wanted_by += 1
        fetch.priority = min(fetch.priority, priority)
        self._moved.fire()

    def leave(self, fetch: Fetch) -> None:
        """A caller does not wait any more: what nobody wants is not asked for."""
        fetch.wanted_by -= 1
        if not fetch.wanted_by and fetch in self._waiting:
            self._waiting.remove(fetch)
            self._moved.fire()

    async def first_done(self, fetches: Sequence[Fetch]) -> list[Fetch]:
        """Those that are done, as soon as one is."""
        moves = self._moved.changes()
        while True:
            await anext(moves)
            done = [fetch for fetch in fetches if fetch.done]
            if done:
                return done

    async def run(self) -> None:
        """Carry out fetches until cancelled; then whoever still waits gets SourceUnavailable."""
        moves = self._moved.changes()
        try:
            async with anyio.create_task_group() as tasks:
                while True:
                    await anext(moves)
                    while (fetch := self._next()) is not None:
                        self._waiting.remove(fetch)
                        self._running.append(fetch)
                        fetch.running = True
                        tasks.start_soon(self._carry_out, fetch)
        finally:
            for fetch in self._waiting[:]:
                self._close(fetch)

    def _next(self) -> Fetch | None:
        """The most urgent fetch that may go: of a series of which the fewest run, then of which the fewest wait.

        So a chart of one request does not wait for thirty long ones. Of charts alike it is the one that came first. A
        long one is served whenever no shorter one waits, and who asked for it has what came by the deadline.
        """
        if len(self._running) >= MAX_RUNNING:
            return None
        urgent = [fetch for fetch in self._waiting if fetch.priority is Priority.INTERACTIVE]
        if not urgent:
            return self._waiting[0] if self._waiting and not self._running else None
        running = Counter(fetch.key for fetch in self._running)
        waiting = Counter(fetch.key for fetch in urgent)
        first = min(urgent, key=lambda fetch: (running[fetch.key], waiting[fetch.key]))
        return first if running[first.key] < PARALLEL else None

    async def _carry_out(self, fetch: Fetch) -> None:
        try:
            await self._perform(fetch)
        except MarketDataError as error:
            fetch.error = error
            fetch.calls = fetch.calls or requests_spent(error)
        except Exception:
            log.exception("history_fetch_failed", instrument=fetch.instrument.id, interval=fetch.interval.value)
            fetch.error = SourceError("the history could not be fetched or stored; the log of the service says why")
        else:
            fetch.done = True
        finally:
            self._close(fetch)

    def _close(self, fetch: Fetch) -> None:
        """Wakes the callers. A fetch without an outcome by now was interrupted, as happens when the service stops."""
        if not fetch.done and fetch.error is None:
            fetch.error = SourceUnavailable("the service is stopping; connect again")
        fetch.done = True
        for queue in (self._waiting, self._running):
            if fetch in queue:
                queue.remove(fetch)
        self.version += 1
        self._moved.fire()
