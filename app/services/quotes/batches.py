"""Upstream calls that many callers share.

Comes in: keys that neither stream nor memory could answer, from any number of operations. Goes out: few
calls of the source. Whatever is asked within a window, or while a call is out, becomes one call. Called
by QuoteService; the runtime owns `run()`, in which every call lives: a caller that leaves cancels nothing.
"""

from collections import deque
from collections.abc import Callable, Iterable

import anyio
import anyio.abc
import structlog

from app.domain.changes import ChangeSignal
from app.domain.errors import MarketDataError, RateLimited, SourceError, SourceUnavailable
from app.domain.instruments import Instrument
from app.ports import QuoteSource
from app.services.quotes.batch import Batch

BATCH_SIZE = 500
"""Instruments of one batch: what Kite prices in one request, so that one batch is one unit of the budget."""
MAX_WAITING = 8
"""Batches that may wait: at one request a second the next would come after every caller's deadline."""
PATIENCE = 1.5
"""Seconds after which a running call no longer holds up the next. Waiting for budget takes up to a second and
must hold it up, or each window would queue a call of its own; what takes longer is a slow source."""
MAX_RUNNING = 4
"""Calls at a time, however slow the source is; each occupies a worker thread."""

log = structlog.get_logger()


class QuoteBatches:
    """Collects keys into batches and sends them, first come, first served.

    Bounded: keys that would make more than MAX_WAITING batches wait are refused with RateLimited. Cancel-safe.
    Nothing moves unless `run()` runs. For the event loop alone.
    """

    def __init__(self, source: QuoteSource, *, window: float, answered: Callable[[Batch], None]) -> None:
        self._source = source
        self._window = window
        self._answered = answered
        self._waiting: deque[Batch] = deque()
        self._running: set[Batch] = set()
        self._newest: dict[str, Batch] = {}
        self._moved = ChangeSignal()

    def join(self, instrument: Instrument, max_age: float) -> Batch:
        """The batch that will answer: one that waits, one that went out less than `max_age` seconds ago, or a new one.

        Raises RateLimited if too many wait already.
        """
        batch = self._newest.get(instrument.id)
        if batch is None or not batch.is_younger_than(max_age, anyio.current_time()):
            batch = self._open_batch()
            self._newest[instrument.id] = batch
        batch.add(instrument)
        return batch

    def leave(self, batch: Batch, instrument_ids: Iterable[str]) -> None:
        """A caller has these answers, or will not collect them any more: what nobody else wants is not asked for."""
        for key in instrument_ids:
            if not batch.leave(key) and self._newest.get(key) is batch:
                del self._newest[key]
        if not batch.instruments and batch in self._waiting:
            self._waiting.remove(batch)

    async def run(self) -> None:
        """Send batches until cancelled; then whoever still waits gets SourceUnavailable."""
        try:
            async with anyio.create_task_group() as tasks:
                while True:
                    batch = await self._next_batch()
                    self._running.add(batch)
                    tasks.start_soon(self._send, batch)
        finally:
            while self._waiting:
                self._close(self._waiting.popleft())

    def _open_batch(self) -> Batch:
        if self._waiting and len(self._waiting[-1].instruments) < BATCH_SIZE:
            return self._waiting[-1]
        if len(self._waiting) >= MAX_WAITING:
            msg = f"{MAX_WAITING * BATCH_SIZE} instruments wait for their price already; ask again later, or for fewer"
            raise RateLimited(msg, retry_after_ms=1000 * MAX_WAITING)
        self._waiting.append(Batch(anyio.current_time()))
        self._moved.fire()
        return self._waiting[-1]

    async def _next_batch(self) -> Batch:
        """The first batch, once its window is over and its call may go out."""
        moves = self._moved.changes()
        while True:
            wait = self._seconds_to_wait()
            if wait == 0:
                batch = self._waiting.popleft()
                batch.started_at = anyio.current_time()
                return batch
            with anyio.move_on_after(wait):
                await anext(moves)

    def _seconds_to_wait(self) -> float | None:
        """0: the first batch may go. None: not before something else happens."""
        if not self._waiting or len(self._running) >= MAX_RUNNING:
            return None
        patience = (batch.started_at + PATIENCE for batch in self._running if batch.started_at is not None)
        return max(0.0, max(self._waiting[0].opened_at + self._window, *patience, 0.0) - anyio.current_time())

    async def _send(self, batch: Batch) -> None:
        try:
            batch.finish(await self._source.quotes(list(batch.instruments.values())), self._source.source)
            self._answered(batch)
        except MarketDataError as error:
            batch.fail(error)
        except Exception:
            log.exception("quote_batch_failed", instruments=len(batch.instruments))
            batch.fail(SourceError("the quote source failed in an unexpected way; the log of the service says how"))
        finally:
            self._close(batch)

    def _close(self, batch: Batch) -> None:
        """Wakes the callers. A batch without answers by now was interrupted, which happens when the service stops."""
        batch.fail(SourceUnavailable("the service is stopping; connect again"))
        for key in batch.instruments:
            if self._newest.get(key) is batch:
                del self._newest[key]
        self._running.discard(batch)
        batch.done.set()
        self._moved.fire()
