"""FastAPI with pydantic models: the same data over REST, without GraphQL. No subscriptions.

`python -m bench.servers.fastapi_rest PORT DATA`.
"""

import sys
from bisect import bisect_left
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import uvicorn
from fastapi import FastAPI
from fastapi import Query as Parameter
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from bench.servers.board import read_data


class Source(StrEnum):
    """Who said it."""

    KITE = "KITE"
    SANDBOX = "SANDBOX"


class Record(BaseModel):
    """Camel case outside."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Quote(Record):
    """The same twelve fields as ours."""

    id: str
    last_price: float
    open: float | None
    high: float | None
    low: float | None
    previous_close: float | None
    change: float | None
    change_percent: float | None
    volume: int | None
    average_price: float | None
    received_at: datetime
    source: Source


class Candle(Record):
    """The same six fields as ours."""

    epoch_seconds: int
    open: float
    high: float
    low: float
    close: float
    volume: int


class CandleSeries(Record):
    """Bars."""

    candles: list[Candle]


quote_rows, candle_rows = read_data(sys.argv[2])
quotes_by_id = {row["id"]: Quote.model_validate(row) for row in quote_rows}
bars = [Candle.model_validate(row) for row in candle_rows]
openings = [bar.epoch_seconds for bar in bars]
app = FastAPI()


@app.get("/quotes")
async def quotes(ids: Annotated[list[str], Parameter()]) -> list[Quote]:
    """Quotes from memory."""
    return [quotes_by_id[each] for each in ids]


@app.get("/candles/{instrument_id}")
async def candles(
    instrument_id: str,  # noqa: ARG001 - there is one
    start: Annotated[datetime, Parameter(alias="from")],
    end: Annotated[datetime, Parameter(alias="to")],
) -> CandleSeries:
    """Bars from memory, in [from, to)."""
    found = bars[bisect_left(openings, start.timestamp()) : bisect_left(openings, end.timestamp())]
    return CandleSeries(candles=found)


def main() -> None:
    """Serve until told to end."""
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
