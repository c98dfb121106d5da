"""`/v8/finance/chart/{symbol}`: bars, without a crumb.

Comes in: an interval with a range or two periods. Goes out: columns, with Yahoo's quirks: prices widened from 32 bits,
minutes without a trade as nulls, days stamped at the opening, and while there is trading a live row at the end that is
no bar of the grid.
"""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.sandbox.noise import key_of, mix
from app.sandbox.shapes import Bar
from app.sandbox.yahoo.board import Reading
from app.sandbox.yahoo.chart_meta import chart_meta
from app.sandbox.yahoo.desk import Desk
from app.sandbox.yahoo.directory import Security
from app.sandbox.yahoo.dividends import adjusted_closes, dividend_events
from app.sandbox.yahoo.errors import yahoo_json
from app.sandbox.yahoo.intervals import grouped
from app.sandbox.yahoo.span import ENVELOPE, TRADING_DAYS, Span, read_span

NO_DATA = "No data found, symbol may be delisted"
THREADS = 2
"""Charts computed at once: they are CPU, and the machine has two cores."""
GAP_IN = 128
"""One minute of a share in so many has no trade at Yahoo."""
LOOK_BACK = timedelta(days=12)
"""In it lie five days of trading."""
NOTHING = (None, None, None, None, None)
"""Open, high, low, close and volume of a minute without a trade."""


class Charts:
    """The endpoint of one sandbox."""

    def __init__(self, desk: Desk, *, seed: int) -> None:
        self._desk = desk
        self._board = desk.board
        self._seed = seed
        self._threads = CapacityLimiter(THREADS)

    def routes(self) -> list[Route]:
        """One path."""
        return [Route("/v8/finance/chart/{symbol}", self.chart, methods=["GET"])]

    async def chart(self, request: Request) -> Response:
        """The bars of a symbol. Raises YahooError."""
        security = self._desk.listed(request.path_params["symbol"], ENVELOPE, NO_DATA)
        query = dict(request.query_params)
        span = read_span(query, security, self._board.seen_at(security))
        with_events = "div" in query.get("events", "")
        return await to_thread.run_sync(self._answer, security, span, with_events, limiter=self._threads)

    def _answer(self, security: Security, span: Span, with_events: bool) -> Response:  # noqa: FBT001  a thread's arguments are positional
        reading = self._board.reading(security)
        span = self._counted(security, span)
        bars = self._bars(security, span, reading)
        before = self._board.bars(security, "day", span.start - LOOK_BACK, span.start.replace(hour=0, minute=0))
        facts, hours = self._desk.facts(security), self._board.hours(security)
        meta = chart_meta(security, span, reading, facts=facts, hours=hours, days=_days(bars))
        meta["chartPreviousClose"] = before[-1].close if before else None
        result: dict[str, Any] = {"meta": meta}
        if bars:
            stamps = [self._stamp(security, span, bar) for bar in bars]
            result["timestamp"] = stamps
            amount = facts.dividend if security.quote_type == "EQUITY" else None
            if with_events and amount and not span.grain.intraday:
                events = dividend_events(bars, stamps, amount)
                result |= {"events": {"dividends": events}} if events else {}
        result["indicators"] = self._indicators(security, span, bars)
        return yahoo_json({ENVELOPE: {"result": [result], "error": None}})

    def _counted(self, security: Security, span: Span) -> Span:
        """The span, where it counts days of trading."""
        days = TRADING_DAYS.get(span.range)
        if days is None:
            return span
        sessions = self._board.bars(security, "day", span.end - LOOK_BACK, span.end)[-days:]
        start = sessions[0].time if sessions else span.start
        return Span(span.grain, start, span.end, span.range)

    def _bars(self, security: Security, span: Span, reading: Reading | None) -> list[Bar]:
        """The bars of a span, with the live row of an exchange that is open."""
        grain = span.grain
        bars = self._board.bars(security, grain.source, span.start, span.end)
        if reading is None or not reading.trading or not bars or span.end < reading.time:
            return grouped(bars, grain)
        if grain.intraday:
            live = Bar(reading.time, reading.price, reading.price, reading.price, reading.price, 0, None)
            return [*grouped(bars, grain), live]
        return [*grouped(bars[:-1], grain), bars[-1]._replace(time=reading.time)]

    def _stamp(self, security: Security, span: Span, bar: Bar) -> int:
        """When a bar opens; a day does so with its session, and longer ones at midnight."""
        at_midnight = (bar.time.hour, bar.time.minute, bar.time.second) == (0, 0, 0)
        opens = self._board.hours(security)[0] if span.grain.name == "1d" and at_midnight else timedelta()
        return int((bar.time + opens).timestamp())

    def _indicators(self, security: Security, span: Span, bars: list[Bar]) -> dict[str, Any]:
        if not bars:
            return {"quote": [{}]} | ({} if span.grain.intraday else {"adjclose": [{}]})
        rows = [NOTHING if self._is_gap(security, span, bar) else _row(bar) for bar in bars]
        names = ("open", "high", "low", "close", "volume")
        columns = {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
        if span.grain.intraday:
            return {"quote": [columns]}
        dividend = self._desk.facts(security).dividend if security.quote_type == "EQUITY" else None
        fraction = (dividend or 0.0) / security.base_price
        adjusted = adjusted_closes(bars, self._board.seen_at(security), fraction)
        return {"quote": [columns], "adjclose": [{"adjclose": adjusted}]}

    def _is_gap(self, security: Security, span: Span, bar: Bar) -> bool:
        if span.grain.name != "1m" or security.quote_type != "EQUITY" or not bar.volume:
            return False
        minute = int(bar.time.timestamp()) // 60
        return mix(key_of(self._seed, "gap", security.symbol), minute) % GAP_IN == 0


def _row(bar: Bar) -> tuple[float | None, ...]:
    """A bar's numbers as Yahoo sends them: prices of 32 bits, printed with all the digits of 64."""
    return (*(float(np.float32(price)) for price in bar[1:5]), bar.volume)


def _days(bars: list[Bar]) -> list[datetime]:
    """The local midnights of the days that bars lie in."""
    return sorted({bar.time.replace(hour=0, minute=0, second=0) for bar in bars})
