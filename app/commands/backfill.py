"""`kite-services backfill`: candles of years into the store, with a progress bar.

Does the work of a CANDLE_BACKFILL job in this process, against the configured source and database; no job is made of
it. Ctrl-C ends it at once: what came is stored, and the same command goes on from there.
"""

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import anyio
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar
from rich.table import Table

from app.clock import SystemClock
from app.commands.library import Library, remedy, with_library
from app.commands.running import require_source
from app.commands.serving import prepare, until_signal
from app.commands.spellings import parse_instant, parse_interval
from app.commands.start import FAILED, load_settings, refuse, start_logs
from app.domain.candle_merge import MERGED
from app.domain.candles import CandleRange, Interval
from app.domain.errors import InvalidInput, MarketDataError
from app.domain.spans import intersect
from app.domain.time import to_ist
from app.redaction import Secrets
from app.services.history.expectation import INSTANT
from app.services.jobs.backfill import BackfillRequest, CandleBackfill
from app.services.jobs.patience import Patience
from app.services.jobs.work import JobFailed, Progress
from app.settings import Settings

INTERRUPTED = 128 + signal.SIGINT
"""Exit code after Ctrl-C, as the shell has it."""
SHOWN = 20
"""Instruments of the closing table."""
LONGEST_SHUT = timedelta(days=6)
"""Stored spans with less between them are shown as one: no exchange was ever shut for longer, so nothing is missing."""


def backfill(ids: Sequence[str], *, interval: str, start: str, end: str | None) -> None:
    """Returns when all of it is stored; else the command ends with the reason and code 1, after Ctrl-C with 130."""
    try:
        asked = BackfillRequest.of(
            ids,
            parse_interval(interval),
            start=parse_instant("--from", start),
            end=None if end is None else parse_instant("--to", end),
            now=SystemClock().now(),
        )
    except (ValueError, InvalidInput) as error:
        refuse(str(error))
    settings = load_settings()
    secrets = start_logs(settings.model_copy(update={"log_level": "ERROR"}), interactive=True)
    settings = require_source(settings, ids)
    prepare(settings)
    filling = anyio.run(_run, settings, secrets, asked)
    if filling.failure:
        refuse(filling.failure, code=FAILED)
    if not filling.complete:
        raise typer.Exit(INTERRUPTED)


async def _run(settings: Settings, secrets: Secrets, asked: BackfillRequest) -> "Filling":
    """The work, until it is done or a signal comes."""
    filling = Filling(asked, Console())

    async def work() -> bool:
        try:
            await with_library(settings, secrets, filling.run)
        except MarketDataError as error:
            filling.failure = remedy(error)
        return filling.complete

    await until_signal(work, filling.stop)
    return filling


@dataclass(frozen=True, slots=True)
class Stored:
    """What there is of one instrument afterwards."""

    instrument_id: str
    spans: Sequence[CandleRange]
    still: int
    """Upstream requests that the rest would take."""


class Filling:
    """One run of the command."""

    def __init__(self, asked: BackfillRequest, console: Console) -> None:
        self.complete = False
        self.failure: str | None = None
        self._asked = asked
        self._console = console
        self._scope = anyio.CancelScope()

    def stop(self) -> None:
        """End soon; what came is kept."""
        self._scope.cancel()

    async def run(self, library: Library) -> None:
        """Fill the store, then say what is in it. Raises MarketDataError for a request that makes no sense."""
        work = CandleBackfill(library.history, library.instruments, library.clock, Patience(None))
        request = self._asked.to_json()
        await work.check(request)
        with self._bar() as bar, self._scope:
            task = bar.add_task("", total=None)

            def told(progress: Progress) -> None:
                bar.update(task, completed=progress.done, total=progress.total, description=progress.message)

            try:
                await work.run(request, Progress(told))
                self.complete = True
                bar.update(task, description="done")
            except JobFailed as failed:
                self.failure = str(failed)
            except MarketDataError as error:
                self.failure = remedy(error)
        self._console.print(closing_table(self._asked, await self._stored(library)))
        if self._scope.cancelled_caught:
            self._console.print("Stopped. What is stored stays; the same command goes on from there.")

    def _bar(self) -> ProgressBar:
        count = TextColumn("requests")
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), count, TimeRemainingColumn())
        return ProgressBar(*columns, console=self._console)

    async def _stored(self, library: Library) -> list[Stored]:
        """Of the first instruments, those that fit on a screen."""
        span, interval = self._asked.span, self._asked.interval
        base = Interval.DAY if interval in MERGED else interval
        found = []
        for instrument_id in self._asked.ids[:SHOWN]:
            instrument = library.instruments.require(instrument_id)
            coverage = await library.history.stored(instrument, base, span)
            still = await library.history.requests_for(instrument, interval, span)
            found.append(Stored(instrument_id, joined([known.span for known in coverage], span), still))
        return found


def joined(known: Sequence[CandleRange], span: CandleRange) -> list[CandleRange]:
    """What is known of a span, oldest first, without the nights and holidays between."""
    shown: list[CandleRange] = []
    for part in intersect(known, span):
        if shown and part.start - shown[-1].end <= LONGEST_SHUT:
            shown[-1] = CandleRange(shown[-1].start, part.end)
        else:
            shown.append(part)
    return shown


def closing_table(asked: BackfillRequest, stored: Sequence[Stored]) -> Table:
    """What is in the store now."""
    more = len(asked.ids) - len(stored)
    table = Table("instrument", f"{asked.interval} bars stored", "requests to go", title="In the store")
    for each in stored:
        spans = ", ".join(f"{_day(span.start)} to {_day(span.end - INSTANT)}" for span in each.spans)
        table.add_row(each.instrument_id, spans or "none", str(each.still))
    if more:
        table.caption = f"and {more} more"
    return table


def _day(instant: datetime) -> str:
    return f"{to_ist(instant):%Y-%m-%d}"
