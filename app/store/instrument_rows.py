"""Instruments as database rows and back, without ORM objects: 130,000 of them pass here. For the instrument store."""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import date
from typing import Any

from app.domain.drafts import quick_constructor
from app.domain.instruments import Exchange, Instrument, InstrumentKind

CONTENT = tuple(item.name for item in fields(Instrument))
"""The columns that a domain object has, in its order."""
COLUMNS = (*CONTENT, "first_seen", "last_seen", "in_master")

_UPDATED = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name not in {"id", "first_seen"})
READ = f"SELECT {', '.join(CONTENT)} FROM instrument WHERE in_master"  # noqa: S608 -- our own column names
INSERT = f"INSERT INTO instrument ({', '.join(COLUMNS)})"
NO_ROWS = f"SELECT {', '.join(COLUMNS)} FROM instrument WHERE false"  # noqa: S608 -- our own column names
"""The shape of what INSERT takes."""
ON_CONFLICT = f"ON CONFLICT (id) DO UPDATE SET {_UPDATED}"
"""A row that was there before keeps its first_seen."""

_new_instrument = quick_constructor(Instrument)

EXCHANGES = {item.value: item for item in Exchange}
KINDS = {item.value: item for item in InstrumentKind}
EXPIRY = CONTENT.index("expiry")

Encode = Callable[[date], Any]
"""How a database takes a date: SQLite as ISO text, PostgreSQL as it is."""


def encode_row(instrument: Instrument, seen_on: Any, encode: Encode) -> tuple[Any, ...]:
    """The values of COLUMNS for a row that the master of `seen_on` (already encoded) holds."""
    return (
        instrument.id,
        instrument.exchange.value,
        instrument.symbol,
        instrument.name,
        instrument.kind.value,
        instrument.segment,
        instrument.instrument_token,
        instrument.exchange_token,
        instrument.tick_size,
        instrument.lot_size,
        None if instrument.expiry is None else encode(instrument.expiry),
        instrument.strike,
        instrument.underlying_id,
        instrument.currency,
        seen_on,
        seen_on,
        True,
    )


class RowDecoder:
    """Turns rows of CONTENT into instruments. What is equal becomes one object: that halves the memory of a master."""

    def __init__(self) -> None:
        self._texts: dict[str | None, str | None] = {}
        self._floats: dict[float | None, float | None] = {}
        self._dates: dict[Any, date | None] = {None: None}

    def decode(self, rows: Iterable[Sequence[Any]]) -> list[Instrument]:
        """One instrument a row, in order. Expiries may be dates or ISO texts."""
        text, number, made = self._texts.setdefault, self._floats.setdefault, []
        for (
            key,
            exchange,
            symbol,
            name,
            kind,
            segment,
            token,
            short,
            tick,
            lot,
            expiry,
            strike,
            below,
            currency,
        ) in rows:
            if expiry not in self._dates:
                self._dates[expiry] = expiry if isinstance(expiry, date) else date.fromisoformat(expiry)
            instrument = _new_instrument(
                id=key,
                exchange=EXCHANGES[exchange],
                symbol=symbol,
                name=text(name, name),
                kind=KINDS[kind],
                segment=text(segment, segment),
                instrument_token=token,
                exchange_token=short,
                tick_size=number(tick, tick),
                lot_size=lot,
                expiry=self._dates[expiry],
                strike=number(strike, strike),
                underlying_id=text(below, below),
                currency=sys.intern(currency),
            )
            made.append(instrument)
        return made
