"""`kite-services candles`: bars of one instrument as a table, CSV or JSON, read through the store.

What is stored costs nothing; the rest is fetched from the configured source and stored on the way.
"""

import sys
from datetime import datetime
from enum import StrEnum
from functools import partial

import anyio
import typer
from rich.console import Console

from app.commands.candle_texts import candle_table, csv_text, json_text
from app.commands.library import Library, remedy, with_library
from app.commands.running import require_source
from app.commands.serving import prepare
from app.commands.spellings import parse_instant, parse_interval
from app.commands.start import FAILED, load_settings, refuse, start_logs
from app.domain.candles import CandleSeries, Interval
from app.domain.errors import MarketDataError
from app.domain.provenance import Cost


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
    try:
        asked = partial(
            ask,
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
    settings = require_source(settings, [instrument_id])
    prepare(settings)
    try:
        series = anyio.run(with_library, settings, secrets, asked)
    except MarketDataError as error:
        refuse(remedy(error), code=FAILED)
    write(series, shape)
    if series.fallback_reason is not None:
        typer.echo(f"note: another source answered, because of {series.fallback_reason}", err=True)
    if series.problem is not None:
        refuse(f"not all bars could be had: {series.problem}", code=FAILED)


async def ask(  # noqa: PLR0913 - what a question can name, by keyword
    library: Library,
    *,
    instrument_id: str,
    interval: Interval,
    start: datetime | None,
    end: datetime | None,
    last: int | None,
    forming: bool,
) -> CandleSeries:
    """The series, as the GraphQL field `candles` answers it. Raises MarketDataError."""
    instrument = library.instruments.require(instrument_id)
    return await library.history.candles(
        instrument, interval, start=start, end=end, last=last, include_forming=forming, cost=Cost()
    )


def write(series: CandleSeries, shape: Shape) -> None:
    """To stdout, and nothing else goes there."""
    if shape is Shape.CSV:
        typer.echo(csv_text(series), nl=False)
    elif shape is Shape.JSON:
        typer.echo(json_text(series), nl=False)
    else:
        Console(file=sys.stdout).print(candle_table(series))
