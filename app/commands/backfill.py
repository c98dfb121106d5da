"""`kite-services backfill`: candles of years into the store, with a progress bar.

Where a service runs, it is the service that does it, as a CANDLE_BACKFILL job: within its one request budget, and
behind the charts of its users. Else the same work is done in this process, against the configured source and database.
Ctrl-C ends either: what came is stored, and the same command goes on from there.
"""

from collections.abc import Sequence

import anyio
import typer
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from app.clock import SystemClock
from app.commands.asking import JOB
from app.commands.closing import Stored, closing_table, stored_now
from app.commands.filling import Filling
from app.commands.following import INTERRUPTED, Following, Order, finish, follow_order
from app.commands.library import Library, remedy, with_library
from app.commands.running import Beside, require_source, service_beside
from app.commands.serving import prepare, until_signal
from app.commands.spellings import parse_instant, parse_interval
from app.commands.start import FAILED, load_settings, refuse, start_logs
from app.domain.errors import InvalidInput, MarketDataError
from app.redaction import Secrets
from app.runtime import MixedWorldsError
from app.services.jobs.backfill import BackfillRequest
from app.settings import Settings

MUTATION = f"""
mutation ($ids: [ID!]!, $interval: Interval!, $from: DateTime!, $to: DateTime) {{
  backfillCandles(ids: $ids, interval: $interval, from: $from, to: $to) {{ {JOB} }}
}}
"""


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
    beside = service_beside(settings)
    if beside is not None:
        finish(anyio.run(_ask_for_it, beside, secrets, asked))
        return
    settings = require_source(settings, ids)
    prepare(settings)
    filling = anyio.run(_fill, settings, secrets, asked)
    if filling.failure:
        refuse(filling.failure, code=FAILED)
    if not filling.complete:
        raise typer.Exit(INTERRUPTED)


async def _fill(settings: Settings, secrets: Secrets, asked: BackfillRequest) -> Filling:
    """The work here, until it is done or a signal comes."""
    filling = Filling(asked, Console())

    async def work() -> bool:
        try:
            await with_library(settings, secrets, filling.run)
        except MarketDataError as error:
            filling.failure = remedy(error)
        return filling.complete

    await until_signal(work, filling.stop)
    return filling


async def _ask_for_it(beside: Beside, secrets: Secrets, asked: BackfillRequest) -> Following:
    """The service's work, until its job has ended; what is in the store then."""
    following = await follow_order(beside, Order(MUTATION, asked.to_json(), "backfillCandles", "requests"))
    if following.job is not None:
        await _close(beside, secrets, following.job.id, asked)
    if following.stopped:
        Console().print("Stopped. What is stored stays; the same command goes on from there.")
    return following


async def _close(beside: Beside, secrets: Secrets, job_id: str, asked: BackfillRequest) -> None:
    """Say what is in the service's store, if this command has the same one."""

    async def look(library: Library) -> Sequence[Stored] | None:
        return (
            None
            if await library.jobs.find(job_id) is None
            else await stored_now(asked, library.history, library.instruments)
        )

    try:
        stored = await with_library(beside.settings, secrets, look, offline=True)
    except (MarketDataError, MixedWorldsError, OSError, SQLAlchemyError):
        stored = None
    console = Console()
    if stored is None:
        console.print("What is stored cannot be shown: DATABASE_URL is not the one of the service.")
    else:
        console.print(closing_table(asked, stored))
