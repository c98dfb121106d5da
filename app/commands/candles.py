"""`kite-services candles`: bars of one instrument as a table, CSV or JSON, read through the store.

What is stored costs nothing; the rest is fetched and stored on the way: by the service, where one runs, else from the
configured source in this process.
"""

import os
import sys
from collections.abc import Callable
from enum import StrEnum

import anyio
import typer
from rich.console import Console

from app.commands.asking import ServiceGone, ServiceRefused, open_service
from app.commands.candle_question import CandleQuestion, ask_history, ask_service
from app.commands.candle_texts import candle_table, csv_text, json_text
from app.commands.library import remedy, with_library
from app.commands.running import Beside, require_source, service_beside
from app.commands.serving import prepare
from app.commands.spellings import parse_instant, parse_interval
from app.commands.start import FAILED, load_settings, refuse, start_logs
from app.domain.candles import CandleSeries
from app.domain.errors import MarketDataError
from app.redaction import Secrets
from app.services.history.request import MAX_BARS
from app.settings import Settings


class Shape(StrEnum):
    """How bars are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def candles(  # noqa: PLR0913 - the options of the command
    instrument_id: str,
    *,
    interval: str,
    start: str | None,
    end: str | None,
    last: int | None,
    forming: bool,
    shape: Shape,
) -> None:
    """Writes the bars to stdout. Ends with code 1 and the reason on stderr if some could not be had."""
    if last is not None and not 1 <= last <= MAX_BARS:
        refuse(f"--last {last}: ask for 1 to {MAX_BARS} bars, and for more page by page with --to")
    try:
        asked = CandleQuestion(
            instrument_id=instrument_id,
            interval=parse_interval(interval),
            start=None if start is None else parse_instant("--from", start),
            end=None if end is None else parse_instant("--to", end),
            last=last,
            forming=forming,
        )
    except ValueError as error:
        refuse(str(error))
    settings = load_settings()
    secrets = start_logs(settings.model_copy(update={"log_level": "ERROR"}), interactive=True)
    series = _series(settings, secrets, asked)
    _written(lambda: write(series, shape))
    if series.fallback_reason is not None:
        typer.echo(f"note: another source answered, because of {series.fallback_reason}", err=True)
    if series.problem is not None:
        refuse(f"not all bars could be had: {series.problem}", code=FAILED)


def _series(settings: Settings, secrets: Secrets, asked: CandleQuestion) -> CandleSeries:
    """The bars; or the command ends with the reason."""
    beside = service_beside(settings)
    try:
        if beside is not None:
            return anyio.run(_ask, beside, asked)
        settings = require_source(settings, [asked.instrument_id])
        prepare(settings)
        return anyio.run(with_library, settings, secrets, lambda library: ask_history(library, asked))
    except MarketDataError as error:
        refuse(remedy(error), code=FAILED)
    except (ServiceGone, ServiceRefused) as error:
        refuse(str(error), code=FAILED)


async def _ask(beside: Beside, asked: CandleQuestion) -> CandleSeries:
    async with open_service(beside) as service:
        return await ask_service(service, asked)


def _written(write_it: Callable[[], None]) -> None:
    """Write to stdout. A reader that has seen enough ends the command quietly; a full disk is told in a line."""
    try:
        write_it()
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains again when it ends
        if isinstance(error, BrokenPipeError):
            raise typer.Exit(FAILED) from None
        refuse(f"the bars could not be written: {error.strerror}", code=FAILED)


def write(series: CandleSeries, shape: Shape) -> None:
    """To stdout, and nothing else goes there."""
    if shape is Shape.CSV:
        typer.echo(csv_text(series), nl=False)
    elif shape is Shape.JSON:
        typer.echo(json_text(series), nl=False)
    else:
        Console(file=sys.stdout).print(candle_table(series))
