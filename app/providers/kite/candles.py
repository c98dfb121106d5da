"""Bars on request, from Kite's /instruments/historical. Comes in: an instrument and a span. Goes out: candles."""

from datetime import timedelta

from app.domain.candles import Candle, CandleRange, Interval
from app.domain.continuous import ContinuousFuture
from app.domain.errors import InvalidRange, NotSupported
from app.domain.instruments import Instrument
from app.domain.time import ist_date
from app.providers.kite.client import KiteClient
from app.providers.kite.limits import INTERVAL_WORDS, LONGEST_SPANS, Endpoint
from app.providers.kite.parse import parse_candles
from app.providers.kite.symbols import DERIVATIVES, history_span, is_expired
from app.providers.kite.transport import KiteRest

FIRST_YEAR, LAST_YEAR = 1971, 2200
"""Beyond these Kite's words for a time have no meaning, and date arithmetic ends."""


class KiteCandles:
    """History in one request each; satisfies `ports.CandleSource`. Prices are adjusted for splits and bonuses.

    Every bar says FINAL, also the one that still forms: only the caller knows the clock and the calendar.
    """

    def __init__(self, client: KiteClient) -> None:
        self.source = client.config.source
        self._client = client

    def longest_span(self, interval: Interval) -> timedelta | None:
        """60 days of minutes up to 2,000 of days; None for WEEK and MONTH, which Kite does not have."""
        return LONGEST_SPANS.get(interval)

    async def candles(self, instrument: Instrument, interval: Interval, span: CandleRange) -> list[Candle]:
        """Bars that open in [start, end), oldest first, one upstream request; empty where there was no trading.

        Raises InvalidRange, NotSupported (interval, or a contract that Kite no longer has), SourceError.
        """
        token = self._token(instrument)
        self._check(interval, span)
        counted = instrument.kind in DERIVATIVES
        first, last = history_span(span)
        word = INTERVAL_WORDS[interval]
        joined = isinstance(instrument, ContinuousFuture)
        params = {"from": first, "to": last, "interval": word, "continuous": int(joined), "oi": int(counted)}

        def fetch(kite: KiteRest) -> list[Candle]:
            data = kite.fetch("market.historical", params, instrument_token=token, interval=word)
            return parse_candles(data, start=span.start, end=span.end, with_open_interest=counted)

        return await self._client.call(Endpoint.HISTORICAL, fetch)

    def _token(self, instrument: Instrument) -> int:
        """Kite knows history by token alone, and exchanges give the token of an expired contract to another one."""
        if instrument.instrument_token is None:
            raise NotSupported(f"{instrument.id} has no instrument token, and Kite knows history by token alone")
        if is_expired(instrument, ist_date(self._client.clock.now())):
            raise NotSupported(
                f"{instrument.id} expired on {instrument.expiry}; Kite has no history of expired contracts"
            )
        return instrument.instrument_token

    def _check(self, interval: Interval, span: CandleRange) -> None:
        longest = self.longest_span(interval)
        if longest is None:
            raise NotSupported(f"Kite has no {interval} candles; ask for DAY and join them")
        if not FIRST_YEAR <= span.start.year <= LAST_YEAR:
            raise InvalidRange(f"{span.start.isoformat()} is out of Kite's reach")
        if span.length <= timedelta(0):
            raise InvalidRange(f"the span ends at {span.end.isoformat()}, not after its start {span.start.isoformat()}")
        if span.length > longest:
            raise InvalidRange(f"Kite gives at most {longest.days} days of {interval} candles at once; ask for parts")
