"""What `kite-services candles` asks, and the two who can answer: the service that runs, or history in this process."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app.commands.asking import RunningService, ServiceRefused
from app.commands.library import Library
from app.domain.candles import Candle, CandleRange, CandleSeries, CandleState, Interval, SourceShare
from app.domain.instruments import bare_instrument, parse_instrument_id
from app.domain.provenance import Cost, DataSource

QUERY = """
query ($id: ID!, $interval: Interval!, $from: DateTime, $to: DateTime, $last: Int, $forming: Boolean!) {
  candles(id: $id, interval: $interval, from: $from, to: $to, last: $last, includeForming: $forming) {
    from to expected missing { from to } problem fallbackReason sources { source candles } upstreamCalls
    candles { time open high low close volume openInterest state }
  }
}
"""

PAGE = 20_000
"""Bars of one question: a service allows no answer of 50,000 bars with all their fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleQuestion:
    """The arguments of the GraphQL field `candles`."""

    instrument_id: str
    interval: Interval
    start: datetime | None
    end: datetime | None
    last: int | None
    forming: bool


async def ask_history(library: Library, asked: CandleQuestion) -> CandleSeries:
    """The series, as the GraphQL field answers it. Raises MarketDataError."""
    return await library.history.candles(
        library.instruments.require(asked.instrument_id),
        asked.interval,
        start=asked.start,
        end=asked.end,
        last=asked.last,
        include_forming=asked.forming,
        cost=Cost(),
    )


async def ask_service(service: RunningService, asked: CandleQuestion) -> CandleSeries:
    """The series, as the service has it; of the instrument only its id is known. Raises ServiceGone, ServiceRefused."""
    pages = [await _page(service, asked)]
    left = (asked.last or 0) - pages[0].count
    while left > 0 and pages[0].count == PAGE:
        pages.insert(0, await _page(service, replace(asked, last=left, end=pages[0].candles[0].time)))
        left -= pages[0].count
    return _together(pages)


async def _page(service: RunningService, asked: CandleQuestion) -> CandleSeries:
    """At most the last PAGE bars of what is asked."""
    variables = {
        "id": asked.instrument_id,
        "interval": asked.interval.value,
        "from": asked.start and asked.start.isoformat(),
        "to": asked.end and asked.end.isoformat(),
        "last": asked.last and min(asked.last, PAGE),
        "forming": asked.forming,
    }
    return _series(await service.ask(QUERY, variables, "candles"), asked)


def _together(pages: Sequence[CandleSeries]) -> CandleSeries:
    """One series of its pages, oldest first. Raises ServiceRefused if they are of two sources: those never mix."""
    if len({page.fallback_reason is None for page in pages}) > 1:
        msg = "SOURCE_UNAVAILABLE: the source changed half way, and bars of two sources are not mixed; run this again"
        raise ServiceRefused(msg)
    shares = Counter[DataSource]()
    for share in (share for page in pages for share in page.sources):
        shares[share.source] += share.candles
    expected = [page.expected for page in pages if page.expected is not None]
    return replace(
        pages[-1],
        start=pages[0].start,
        candles=[bar for page in pages for bar in page.candles],
        sources=tuple(SourceShare(source, candles) for source, candles in shares.items()),
        upstream_calls=sum(page.upstream_calls for page in pages),
        expected=sum(expected) if len(expected) == len(pages) else None,
        missing=tuple(each for page in pages for each in page.missing),
        problem=next((page.problem for page in pages if page.problem), None),
    )


def _series(found: Mapping[str, Any], asked: CandleQuestion) -> CandleSeries:
    return CandleSeries(
        instrument=bare_instrument(*parse_instrument_id(asked.instrument_id)),
        interval=asked.interval,
        start=_instant(found["from"]),
        end=_instant(found["to"]),
        candles=[_candle(each) for each in found["candles"]],
        sources=tuple(SourceShare(DataSource(each["source"]), each["candles"]) for each in found["sources"]),
        upstream_calls=found["upstreamCalls"],
        expected=found["expected"],
        missing=tuple(CandleRange(_sure(each["from"]), _sure(each["to"])) for each in found["missing"]),
        problem=found["problem"],
        fallback_reason=found["fallbackReason"],
    )


def _candle(found: Mapping[str, Any]) -> Candle:
    return Candle(
        time=_sure(found["time"]),
        open=found["open"],
        high=found["high"],
        low=found["low"],
        close=found["close"],
        volume=found["volume"],
        open_interest=found["openInterest"],
        state=CandleState(found["state"]),
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else _sure(text)


def _sure(text: str) -> datetime:
    return datetime.fromisoformat(text)
