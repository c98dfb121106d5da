"""A market of seven instruments whose prices a test sets by hand."""

from dataclasses import replace
from datetime import datetime, timedelta

from app.domain.instruments import Exchange, Instrument, InstrumentKind
from app.domain.time import to_ist
from app.sandbox.shapes import Bar, Level, Snapshot
from app.sandbox.universe import Listed

INFY = 408065
NIFTY = 256265
USDINR = 1024 * 256 + 3
CRUDE = 2000 * 256 + 7
FUTURE = 3000 * 256 + 2
MANDM = 519937
NEVER = 4000 * 256 + 1
STEP = timedelta(minutes=1)


def _listed(key: str, token: int, kind: InstrumentKind, instrument_type: str = "EQ", price: float = 100.0) -> Listed:
    exchange, _, symbol = key.partition(":")
    instrument = Instrument(
        id=key,
        exchange=Exchange(exchange),
        symbol=symbol,
        name=symbol,
        kind=kind,
        segment=exchange,
        instrument_token=token,
        exchange_token=token >> 8,
        tick_size=0.05,
        lot_size=1,
        expiry=None,
        strike=None,
        underlying_id=None,
        currency="INR",
    )
    return Listed(instrument=instrument, instrument_type=instrument_type, base_price=price, has_derivatives=False)


LISTED = (
    _listed("NSE:INFY", INFY, InstrumentKind.EQUITY, price=1412.95),
    _listed("NSE:M&M", MANDM, InstrumentKind.EQUITY, price=3012.4),
    _listed("NSE:NIFTY 50", NIFTY, InstrumentKind.INDEX, price=24567.15),
    _listed("CDS:USDINR26NOVFUT", USDINR, InstrumentKind.FUTURE, "FUT", 84.4375),
    _listed("MCX:CRUDEOIL26DECFUT", CRUDE, InstrumentKind.FUTURE, "FUT", 5817.0),
    _listed("NFO:NIFTY26NOVFUT", FUTURE, InstrumentKind.FUTURE, "FUT", 24600.0),
    _listed("NSE:925IIFL32A-N0", NEVER, InstrumentKind.OTHER),
)


def _snapshot(listed: Listed, at: datetime) -> Snapshot:
    index = listed.instrument.kind is InstrumentKind.INDEX
    price = listed.base_price
    moment = to_ist(at).replace(microsecond=0)
    book = tuple(Level(price - 0.05 * step, 100 + step, 1 + step) for step in range(5))
    return Snapshot(
        instrument_token=listed.instrument.instrument_token or 0,
        last_price=price,
        open=price - 2,
        high=price + 5,
        low=price - 5,
        close=price - 1,
        last_trade_time=moment,
        exchange_time=moment,
        last_quantity=None if index else 7,
        average_price=None if index else price + 0.5,
        volume=None if index else 123_456,
        buy_quantity=None if index else 1_000,
        sell_quantity=None if index else 2_000,
        oi=4_500 if listed.instrument_type == "FUT" else None,
        oi_day_high=5_000 if listed.instrument_type == "FUT" else None,
        oi_day_low=4_000 if listed.instrument_type == "FUT" else None,
        lower_circuit_limit=None if index else price * 0.9,
        upper_circuit_limit=None if index else price * 1.1,
        buy=None if index else book,
        sell=None if index else book[:3],
    )


class TinyMarket:
    """Prices stand still until `change`."""

    def __init__(self) -> None:
        self.listed = LISTED
        self.by_token = {row.instrument.instrument_token or 0: row for row in LISTED}
        self.by_key = {row.instrument.id: row for row in LISTED}
        self.asked: list[tuple[str, datetime, datetime]] = []
        self._changes: dict[int, dict[str, object]] = {}

    def change(self, token: int, **fields: object) -> None:
        """Let an instrument show these fields from now on."""
        self._changes.setdefault(token, {}).update(fields)

    def snapshot(self, token: int, at: datetime) -> Snapshot | None:
        """The instrument's state with its changes."""
        shown = _snapshot(self.by_token[token], at)
        return None if token == NEVER else replace(shown, **self._changes.get(token, {}))  # type: ignore[arg-type]  # a test's own fields

    def candles(
        self, token: int, interval: str, start: datetime, end: datetime, *, now: datetime, continuous: bool = False
    ) -> list[Bar]:
        """One bar a minute, whatever the interval."""
        self.asked.append((interval, start, end))
        bars = []
        while start < min(end, now):
            oi = 4_500 if self.by_token[token].instrument_type == "FUT" else None
            bars.append(Bar(to_ist(start), 10.0, 12.5, 9.5, 11.0, 100, oi))
            start += STEP
        return bars
