"""Bars on request, from Yahoo's v8 charts. Comes in: an instrument and a span. Goes out: candles."""

from datetime import timedelta

from app.domain.candles import Candle, CandleRange, Interval
from app.domain.errors import InvalidRange, NotSupported
from app.domain.instruments import Instrument
from app.providers.yahoo.charts import parse_candles
from app.providers.yahoo.client import YahooClient
from app.providers.yahoo.limits import INTERVAL_WORDS, LONGEST_SPANS, REACHES, Endpoint
from app.providers.yahoo.symbols import in_path, to_yahoo_symbol

LAST_YEAR = 2200
"""Beyond it date arithmetic ends."""
A_DAY = timedelta(days=1)
TOLERANCE = timedelta(minutes=5)
"""Callers count back from the last full minute; what is asked for lies within Yahoo's reach all the same."""
INSIDE = timedelta(seconds=5)
"""Yahoo's reach counts from its own now, which is a little later than ours (as yfinance has it)."""


class YahooCandles:
    """History in one request each; satisfies `ports.CandleSource`. Prices are adjusted for splits, as Yahoo's all are.

    The newest bar says FORMING until Yahoo has seen beyond its end. DAY bars of every exchange are stamped with 00:00
    IST of their date there.
    """

    def __init__(self, client: YahooClient) -> None:
        self.source = client.config.source
        self._client = client

    def longest_span(self, interval: Interval) -> timedelta | None:
        """7 days of minutes to 99 years of days; None for what Yahoo has not: 3 and 10 minutes, WEEK, MONTH."""
        return LONGEST_SPANS.get(interval)

    async def candles(self, instrument: Instrument, interval: Interval, span: CandleRange) -> list[Candle]:
        """Bars that open in [start, end), oldest first, one upstream request; empty where there was no trading.

        Raises InvalidRange, NotSupported (interval, or an instrument that Yahoo cannot have), NotPriced (a symbol that
        it does not know, delisted, or in another currency), SourceError.
        """
        symbol = to_yahoo_symbol(instrument)
        now = self._client.clock.now()
        self._check(interval, span)
        # A day is found by the opening of its session, which lies within a day of the midnight that we stamp it with.
        margin = A_DAY if interval is Interval.DAY else timedelta(0)
        start = max(span.start - margin, now - REACHES[interval] + INSIDE)
        params = {
            "period1": str(int(start.timestamp())),
            "period2": str(int((span.end + margin).timestamp())),
            "interval": INTERVAL_WORDS[interval],
            "includePrePost": "false",
        }

        def parse(body: bytes) -> list[Candle]:
            return parse_candles(body, instrument, interval, span, now=now)

        return await self._client.fetch(Endpoint.CHART, f"/v8/finance/chart/{in_path(symbol)}", params, parse)

    def _check(self, interval: Interval, span: CandleRange) -> None:
        longest = self.longest_span(interval)
        if longest is None:
            raise NotSupported(f"Yahoo has no {interval} candles; ask for finer ones and join them")
        if span.length <= timedelta(0):
            raise InvalidRange(f"the span ends at {span.end.isoformat()}, not after its start {span.start.isoformat()}")
        if span.end.year > LAST_YEAR:
            raise InvalidRange(f"{span.end.isoformat()} is out of Yahoo's reach")
        if span.length > longest:
            raise InvalidRange(f"Yahoo gives at most {longest.days} days of {interval} candles at once; ask for parts")
        reach = REACHES[interval]
        if span.start < self._client.clock.now() - reach - TOLERANCE:
            raise InvalidRange(f"Yahoo has {interval} candles of the last {reach.days} days only; ask for later ones")
