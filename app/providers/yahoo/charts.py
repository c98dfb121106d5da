"""Yahoo's charts -> candles. Pure; runs in the worker thread that fetched them.

Total: garbage raises MalformedPayload and nothing else. Prices are the raw `quote` arrays: adjusted for splits, as
Yahoo's all are, not for dividends. What Yahoo does and we undo:

- minutes without a trade are rows of null: dropped;
- the newest price comes as a row of its own, with the second of its trade as time: folded into the bar it belongs to;
- a day is stamped with the opening of its session: ours with 00:00 IST of its date on the exchange's own calendar;
- 30 minutes are joined from 15 (see `limits.INTERVAL_WORDS`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import zip_longest
from zoneinfo import ZoneInfo

from app.domain.candles import Candle, CandleRange, CandleState, Interval
from app.domain.errors import MalformedPayload
from app.domain.instruments import Instrument
from app.domain.time import ist_datetime
from app.providers.yahoo.fields import (
    instant,
    items,
    known_count,
    known_instant,
    known_items,
    known_mapping,
    known_number,
    known_text,
    mapping,
    number,
)
from app.providers.yahoo.limits import SETTLING
from app.providers.yahoo.money import Scale, scale_of
from app.providers.yahoo.parse import results

MAX_OFFSET_SECONDS = 24 * 3600 - 1
COLUMNS = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Meta:
    """What a chart says of itself."""

    scale: Scale
    zone: tzinfo
    traded_at: datetime | None
    """The newest trade that Yahoo knows."""
    opens: datetime | None
    """The present session's opening and end; None where Yahoo does not say."""
    ends: datetime | None


def parse_candles(
    body: bytes, instrument: Instrument, interval: Interval, span: CandleRange, *, now: datetime
) -> list[Candle]:
    """The bars that open in [start, end), oldest first, one an instant; the newest says FORMING until it is over.

    Raises NotPriced for an unknown or delisted symbol or another currency, MalformedPayload.
    """
    found = results(body, "chart")
    if not found:
        return []
    chart = mapping(found[0], "chart")
    meta = _meta(mapping(chart.get("meta"), "meta"), instrument)
    rows = sorted(_rows(chart, meta.scale), key=lambda bar: bar.time)
    bars = _folded(rows, meta, interval)
    if bars and not _is_over(bars[-1], meta, interval, now):
        bars[-1] = replace(bars[-1], state=CandleState.FORMING)
    return [bar for bar in bars if span.start <= bar.time < span.end]


def _meta(raw: dict[str, object], instrument: Instrument) -> Meta:
    regular = known_mapping(known_mapping(raw.get("currentTradingPeriod"), "periods").get("regular"), "period")
    currency = known_text(raw.get("currency"), "currency")
    return Meta(
        scale=scale_of(instrument, currency=currency, hint=known_count(raw.get("priceHint"), "price hint")),
        zone=_zone(raw),
        traded_at=known_instant(raw.get("regularMarketTime"), "time"),
        opens=known_instant(regular.get("start"), "session's start"),
        ends=known_instant(regular.get("end"), "session's end"),
    )


def _zone(raw: dict[str, object]) -> tzinfo:
    """The exchange's clock: by name, because the offset is today's alone."""
    name = known_text(raw.get("exchangeTimezoneName"), "time zone")
    try:
        return ZoneInfo(name) if name else _offset(raw)
    except (ValueError, OSError, KeyError):  # not found, not a name, or a folder of the database
        return _offset(raw)


def _offset(raw: dict[str, object]) -> tzinfo:
    seconds = known_number(raw.get("gmtoffset"), "offset") or 0.0
    if abs(seconds) > MAX_OFFSET_SECONDS:
        msg = "Yahoo sent an offset that is none"
        raise MalformedPayload(msg)
    return timezone(timedelta(seconds=seconds))


def _rows(chart: dict[str, object], scale: Scale) -> Iterator[Candle]:
    """Bars as Yahoo has them, those without a price left out."""
    times = known_items(chart.get("timestamp"), "list of times")
    quotes = items(mapping(chart.get("indicators"), "indicators").get("quote"), "list of quotes")
    columns = known_mapping(quotes[0] if quotes else None, "quote")
    prices = [_column(columns, name, len(times)) for name in COLUMNS]
    volumes = known_items(columns.get("volume"), "volumes")
    for time, volume, *ohlc in zip_longest(times, volumes[: len(times)], *prices):
        if all(price is not None for price in ohlc):
            opened, high, low, close = (scale.price(number(price, "price")) for price in ohlc)
            counted = known_count(volume, "volume") or 0
            yield Candle(instant(time, "bar's time"), opened, high, low, close, counted)


def _column(columns: dict[str, object], name: str, length: int) -> list[object]:
    column = known_items(columns.get(name), name)
    if len(column) not in {0, length}:
        raise MalformedPayload(f"Yahoo sent {len(column)} values of {name} for {length} bars")
    return column or [None] * length


def _folded(rows: Sequence[Candle], meta: Meta, interval: Interval) -> list[Candle]:
    """One bar a slot."""
    bars: list[Candle] = []
    for row in rows:
        time = _slot(row.time, rows[0].time, meta, interval)
        if bars and bars[-1].time == time:
            bars[-1] = _joined(bars[-1], row, added=interval is Interval.MINUTE_30)
        else:
            bars.append(replace(row, time=time))
    return bars


def _slot(time: datetime, first: datetime, meta: Meta, interval: Interval) -> datetime:
    """When the bar opens that this row belongs to."""
    if interval.minutes is None:
        return ist_datetime(time.astimezone(meta.zone).date()).astimezone(UTC)
    # Bars begin with the session, which is no multiple of them; half hours need its opening, others show it themselves.
    anchor = meta.opens if interval is Interval.MINUTE_30 and meta.opens is not None else first
    length = timedelta(minutes=interval.minutes)
    anchor = anchor.replace(second=0, microsecond=0)
    return anchor + (time - anchor) // length * length


def _joined(bar: Candle, later: Candle, *, added: bool) -> Candle:
    """One bar of two rows. The newest price has no volume of its own, or the whole day's again."""
    volume = bar.volume + later.volume if added else max(bar.volume, later.volume)
    return replace(bar, high=max(bar.high, later.high), low=min(bar.low, later.low), close=later.close, volume=volume)


def _is_over(bar: Candle, meta: Meta, interval: Interval, now: datetime) -> bool:
    """Whether the bar can no longer change: its end has passed, and Yahoo, which may be late, has seen beyond it."""
    if interval.minutes is None:
        ends = meta.ends if meta.ends and _is_day_of(bar, meta) else bar.time + timedelta(days=1)
        return now >= ends + SETTLING
    ends = bar.time + timedelta(minutes=interval.minutes)
    seen = meta.traded_at is not None and meta.traded_at >= ends
    return now >= ends and (seen or now >= ends + SETTLING)


def _is_day_of(bar: Candle, meta: Meta) -> bool:
    """Whether a day's bar is the one of the session that Yahoo calls the present one."""
    return meta.opens is not None and bar.time == ist_datetime(meta.opens.astimezone(meta.zone).date())
