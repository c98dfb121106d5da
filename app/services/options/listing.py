"""What is listed on an underlying: the options of one expiry, its future, and the other expiries.

Comes in: the instrument master and a wish. Goes out: a Listing, or an error that says what there is. Called by `chain`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from app.domain.errors import InvalidInput, NotSupported, SourceUnavailable
from app.domain.instruments import Instrument, InstrumentKind
from app.domain.time import ist_datetime

CLOSE = (15, 30)
"""Options expire with the close of the underlying, 15:30 in India, though they may be traded some minutes longer."""
OPTIONS = frozenset({InstrumentKind.CALL, InstrumentKind.PUT})


class Instruments(Protocol):
    """The instrument master."""

    ready: asyncio.Event
    """Set as soon as there is a master."""

    def require(self, instrument_id: str) -> Instrument:
        """The instrument with this id. Raises UnknownInstrument, InvalidInput."""
        ...

    def derivatives_of(self, underlying_id: str) -> list[Instrument]:
        """Its futures and options that have not expired."""
        ...


@dataclass(frozen=True, slots=True)
class Listing:
    """What is listed of one expiry."""

    underlying: Instrument
    future: Instrument | None
    """The future of the same expiry."""
    expiry: date
    expiries: tuple[date, ...]
    options: Mapping[float, Mapping[InstrumentKind, Instrument]]
    """By strike, the lowest first."""

    @property
    def ends(self) -> list[Instrument]:
        """What the options are priced on: the underlying, and the future if there is one."""
        return [self.underlying] if self.future is None else [self.underlying, self.future]

    def around(self, money: float | None, each_side: int) -> Sequence[float]:
        """The strikes within reach of the one at the money; of the middle one where nothing says what that is."""
        strikes = list(self.options)
        at = len(strikes) // 2 if money is None else strikes.index(money)
        return strikes[max(0, at - each_side) : at + each_side + 1]

    def options_at(self, strikes: Sequence[float]) -> list[Instrument]:
        """The options of some strikes."""
        return [option for strike in strikes for option in self.options[strike].values()]


def list_options(instruments: Instruments, underlying_id: str, expiry: date | None, now: datetime) -> Listing:
    """The options of an expiry; without one, of the nearest that is still to come.

    Raises InvalidInput, UnknownInstrument, NotSupported for what has no options, SourceUnavailable before the first
    master.
    """
    underlying = instruments.require(underlying_id)
    derivatives = instruments.derivatives_of(underlying.id)
    options = [each for each in derivatives if each.kind in OPTIONS and each.expiry is not None and each.strike]
    expiries = tuple(sorted({each.expiry for each in options if each.expiry is not None}))
    chosen = _chosen(expiries, expiry, underlying, now) if expiries else _refuse(underlying, instruments)
    by_strike: dict[float, dict[InstrumentKind, Instrument]] = {}
    of_expiry = [(each.strike, each) for each in options if each.expiry == chosen and each.strike]
    for strike, option in sorted(of_expiry, key=lambda each: each[0]):
        by_strike.setdefault(strike, {})[option.kind] = option
    futures = [each for each in derivatives if each.kind is InstrumentKind.FUTURE and each.expiry == chosen]
    return Listing(underlying, futures[0] if futures else None, chosen, expiries, by_strike)


def expires_at(expiry: date) -> datetime:
    """The instant at which options of a day expire."""
    return ist_datetime(expiry, *CLOSE)


def _chosen(expiries: Sequence[date], wish: date | None, underlying: Instrument, now: datetime) -> date:
    if wish is None:
        return next((each for each in expiries if expires_at(each) > now), expiries[0])
    if wish not in expiries:
        have = ", ".join(str(each) for each in expiries)
        msg = f"no options on {underlying.id} expire on {wish}; those that are listed expire on {have}"
        raise InvalidInput(msg)
    return wish


def _refuse(underlying: Instrument, instruments: Instruments) -> date:
    if not instruments.ready.is_set():
        msg = "which options are listed is not known yet: the instrument master has not been loaded; ask again later"
        raise SourceUnavailable(msg)
    msg = f"no options are listed on {underlying.id}"
    raise NotSupported(msg)
