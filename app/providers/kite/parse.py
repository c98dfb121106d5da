"""Kite's quotes and candles -> domain objects. Pure; runs in the worker thread that fetched them.

Total: garbage raises MalformedPayload and nothing else. Which zeros mean `not known`:

- last_price 0: never priced, so the instrument is left out as if Kite had not answered it;
- open, high, low, close, average_price, last_quantity, circuit limits, oi_day_high and oi_day_low 0: None;
- an index has no volume, quantities, open interest or depth: None, also where Kite writes 0;
- open interest 0 is a fact of a derivative and None for everything else;
- volume and pending quantities 0 are facts; depth levels without a quantity are Kite's padding.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.candles import Candle
from app.domain.errors import MalformedPayload, MarketDataError
from app.domain.instruments import Instrument, InstrumentKind
from app.domain.provenance import DataSource
from app.domain.quotes import Depth, DepthLevel, Quote, price_change
from app.providers.kite.fields import count, instant, items, known_count, known_number, mapping, number
from app.providers.kite.symbols import DERIVATIVES

MAX_LEVELS = 5
"""Levels of a side of the book."""
CANDLE_COLUMNS = 6
"""Time, open, high, low, close, volume; a seventh is open interest."""


@dataclass(slots=True)
class ParsedQuotes:
    """One answer: prices and single failures by instrument id."""

    quotes: dict[str, Quote] = field(default_factory=dict)
    errors: dict[str, MarketDataError] = field(default_factory=dict)


def parse_quotes(
    data: object, asked: Mapping[str, Instrument], *, source: DataSource, received_at: datetime
) -> ParsedQuotes:
    """The quotes of one answer. What is absent there is in neither mapping; what was not asked for is ignored.

    Raises MalformedPayload if the answer as a whole is none.
    """
    answers = mapping(data, "quote answer")
    parsed = ParsedQuotes()
    for key, instrument in asked.items():
        if answers.get(key) is None:
            continue
        try:
            _check_identity(answers[key], key, instrument)
            quote = parse_quote(answers[key], instrument, source=source, received_at=received_at)
        except MalformedPayload as error:
            parsed.errors[instrument.id] = error
        else:
            if quote is not None:
                parsed.quotes[instrument.id] = quote
    return parsed


def _check_identity(answer: object, key: str, instrument: Instrument) -> None:
    """A price that belongs to another instrument is the worst answer there is."""
    if key == instrument.id:
        return
    answered = mapping(answer, "quote").get("instrument_token")
    if answered != instrument.instrument_token or isinstance(answered, bool):
        raise MalformedPayload(f"Kite answered the quote of {instrument.id} with another instrument's token")


def parse_quote(answer: object, instrument: Instrument, *, source: DataSource, received_at: datetime) -> Quote | None:
    """One full quote; None if Kite has no price. Raises MalformedPayload."""
    raw = mapping(answer, "quote")
    last_price = number(raw.get("last_price"), "last_price")
    if not last_price:
        return None
    ohlc = mapping(raw.get("ohlc") or {}, "ohlc")
    previous_close = known_number(ohlc.get("close"), "close")
    change, change_percent = price_change(last_price, previous_close)
    tradable = raw if instrument.kind is not InstrumentKind.INDEX else {}
    contract = raw if instrument.kind in DERIVATIVES else {}
    return Quote(
        id=instrument.id,
        last_price=last_price,
        source=source,
        received_at=received_at,
        open=known_number(ohlc.get("open"), "open"),
        high=known_number(ohlc.get("high"), "high"),
        low=known_number(ohlc.get("low"), "low"),
        previous_close=previous_close,
        change=change,
        change_percent=change_percent,
        volume=known_count(tradable.get("volume"), "volume"),
        average_price=known_number(tradable.get("average_price"), "average_price"),
        last_quantity=known_count(tradable.get("last_quantity"), "last_quantity") or None,
        last_trade_time=instant(tradable.get("last_trade_time"), "last_trade_time"),
        buy_quantity=known_count(tradable.get("buy_quantity"), "buy_quantity"),
        sell_quantity=known_count(tradable.get("sell_quantity"), "sell_quantity"),
        open_interest=known_count(contract.get("oi"), "oi"),
        open_interest_day_high=known_count(contract.get("oi_day_high"), "oi_day_high") or None,
        open_interest_day_low=known_count(contract.get("oi_day_low"), "oi_day_low") or None,
        lower_circuit_limit=known_number(tradable.get("lower_circuit_limit"), "lower_circuit_limit"),
        upper_circuit_limit=known_number(tradable.get("upper_circuit_limit"), "upper_circuit_limit"),
        depth=_depth(tradable.get("depth")),
        exchange_time=instant(raw.get("timestamp"), "timestamp"),
    )


def _depth(value: object) -> Depth | None:
    if value is None:
        return None
    sides = mapping(value, "depth")
    return Depth(bids=_levels(sides.get("buy")), asks=_levels(sides.get("sell")))


def _levels(value: object) -> tuple[DepthLevel, ...]:
    levels = [_level(mapping(level, "depth level")) for level in items(value or [], "side of the depth")[:MAX_LEVELS]]
    return tuple(level for level in levels if level.quantity)


def _level(raw: Mapping[str, object]) -> DepthLevel:
    return DepthLevel(
        price=number(raw.get("price"), "depth price"),
        quantity=count(raw.get("quantity"), "depth quantity"),
        orders=known_count(raw.get("orders"), "depth orders"),
    )


def parse_candles(data: object, *, start: datetime, end: datetime, with_open_interest: bool) -> list[Candle]:
    """The bars that open in [start, end), oldest first, one an instant; of two, Kite's later one.

    Raises MalformedPayload.
    """
    rows = items(mapping(data, "candle answer").get("candles"), "list of candles")
    bars = {bar.time: bar for bar in (_candle(row, with_open_interest=with_open_interest) for row in rows)}
    return [bars[time] for time in sorted(bars) if start <= time < end]


def _candle(value: object, *, with_open_interest: bool) -> Candle:
    row = items(value, "candle")
    if not CANDLE_COLUMNS <= len(row) <= CANDLE_COLUMNS + 1:
        raise MalformedPayload(f"Kite sent a candle of {len(row)} columns")
    time = instant(row[0], "candle time")
    if time is None:
        msg = "Kite sent a candle without a time"
        raise MalformedPayload(msg)
    counted = with_open_interest and len(row) > CANDLE_COLUMNS
    return Candle(
        time=time,
        open=number(row[1], "open"),
        high=number(row[2], "high"),
        low=number(row[3], "low"),
        close=number(row[4], "close"),
        volume=count(row[5], "volume"),
        open_interest=known_count(row[6], "oi") if counted else None,
    )
