"""Plain Strawberry, as its documentation shows it: types, resolvers, the ASGI application, uvicorn with uvloop.

`python -m bench.servers.strawberry_plain PORT DATA`.
"""

import sys
from bisect import bisect_left
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount, Route, WebSocketRoute
from strawberry.asgi import GraphQL

from bench.servers.board import Board, read_data


@strawberry.enum
class Source(Enum):
    """Who said it."""

    KITE = "KITE"
    SANDBOX = "SANDBOX"


@strawberry.enum
class Interval(Enum):
    """The length of a bar."""

    MINUTE = "MINUTE"


@strawberry.type
class Quote:
    """The same twelve fields as ours."""

    id: strawberry.ID
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


@strawberry.type
class Candle:
    """The same six fields as ours."""

    epoch_seconds: int
    open: float
    high: float
    low: float
    close: float
    volume: int


@strawberry.type
class CandleSeries:
    """Bars."""

    candles: list[Candle]


@strawberry.type
class QuoteUpdate:
    """What a subscription delivers."""

    sequence: int
    quotes: list[Quote]


def quote_of(row: Mapping[str, Any]) -> Quote:
    """The object of a row."""
    names = ("open", "high", "low", "change", "volume")
    return Quote(
        id=row["id"],
        last_price=row["lastPrice"],
        previous_close=row["previousClose"],
        change_percent=row["changePercent"],
        average_price=row["averagePrice"],
        received_at=datetime.fromisoformat(row["receivedAt"]),
        source=Source(row["source"]),
        **{name: row[name] for name in names},
    )


def candle_of(row: Mapping[str, Any]) -> Candle:
    """The object of a row."""
    return Candle(**{{"epochSeconds": "epoch_seconds"}.get(name, name): value for name, value in row.items()})


quote_rows, candle_rows = read_data(sys.argv[2])
board = Board(quote_rows, quote_of)
bars = [candle_of(row) for row in candle_rows]
openings = [bar.epoch_seconds for bar in bars]


@strawberry.type
class Query:
    """What can be asked."""

    @strawberry.field
    def quotes(self, ids: list[strawberry.ID]) -> list[Quote | None]:
        """Quotes from memory."""
        return [board.quotes.get(each) for each in ids]

    @strawberry.field
    def candles(
        self,
        id: strawberry.ID,  # noqa: A002, ARG002 - the contract's name
        interval: Interval,  # noqa: ARG002 - there is one
        start: Annotated[datetime, strawberry.argument(name="from")],
        end: Annotated[datetime, strawberry.argument(name="to")],
    ) -> CandleSeries:
        """Bars from memory, in [from, to)."""
        return CandleSeries(
            candles=bars[bisect_left(openings, start.timestamp()) : bisect_left(openings, end.timestamp())]
        )


@strawberry.type
class Subscription:
    """What stays live."""

    @strawberry.subscription
    async def quotes(
        self,
        ids: list[strawberry.ID],
        throttle_ms: int = 0,  # noqa: ARG002 - always as fast as it can
    ) -> AsyncGenerator[QuoteUpdate, None]:
        """The state, and the newest one whenever there is a newer one."""
        board.enter()
        try:
            version = board.version
            while True:
                yield QuoteUpdate(sequence=version, quotes=[board.quotes[each] for each in ids])
                version = await board.newer_than(version)
        finally:
            board.leave()


def main() -> None:
    """Serve until told to end."""
    endpoint: GraphQL[None, None] = GraphQL(strawberry.Schema(query=Query, subscription=Subscription))
    app = Starlette(routes=[Route("/graphql", endpoint), WebSocketRoute("/graphql", endpoint), Mount("/", endpoint)])
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
