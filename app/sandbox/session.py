"""One instrument's session up to a minute: open, extremes, volume and value, grown as time passes.

`SimulatedMarket` keeps one for each instrument and advances it by the minutes that have passed; from any
earlier state, or from none, the result is the same, because everything in it is a sum or an extreme of integers.
"""

from typing import NamedTuple

from app.sandbox.hours import Place
from app.sandbox.pricing import own_shape
from app.sandbox.process import Process, Tape
from app.sandbox.spots import SLOTS

FEW_MINUTES = 4
"""Up to so many are computed one by one; more in columns, which cost as much as four."""


class SessionSoFar(NamedTuple):
    """The whole minutes of a session before one. Prices in steps."""

    day: int
    minute: int
    """The first one that is not counted yet."""
    open: int
    high: int
    low: int
    volume: int
    value: int
    """Sum of volume * (open + high + low + close) of the minutes: four times the money, in steps."""
    interest_high: int
    interest_low: int
    previous_close: int


def begin(process: Process, tape: Tape, place: Place, before: Place | None) -> SessionSoFar:
    """A session without any whole minute. Without a session before it, its open is the previous close."""
    first = place.spans[0][0]
    opened = process.pricing.steps(tape.shape(process.pricing.spot, first).open, first)
    interest = process.flow.open_interest(first) if process.flow and process.has_interest else 0
    return SessionSoFar(
        day=place.day,
        minute=first,
        open=opened,
        high=opened,
        low=opened,
        volume=0,
        value=0,
        interest_high=interest,
        interest_low=interest,
        previous_close=_close(process, tape, before.slot // SLOTS) if before else opened,
    )


def _close(process: Process, tape: Tape, minute: int) -> int:
    return process.pricing.steps(tape.shape(process.pricing.spot, minute).close, minute)


def advance(process: Process, tape: Tape, session: SessionSoFar, place: Place) -> SessionSoFar:
    """The session with all of its minutes before that of the place."""
    until = place.slot // SLOTS
    for start, end in place.spans:
        first, stop = max(start, session.minute), min(end, until)
        if first >= stop:
            continue
        if stop - first <= FEW_MINUTES:
            for minute in range(first, stop):
                session = _add_minute(process, tape, session, minute)
        else:
            session = _add_minutes(process, tape, session, first, stop - first)
    return session._replace(minute=until)


def _add_minute(process: Process, tape: Tape, session: SessionSoFar, minute: int) -> SessionSoFar:
    shape = own_shape(process.pricing, tape.shape(process.pricing.spot, minute), minute)
    volume = process.flow.volume(minute) if process.flow else 0
    interest = process.flow.open_interest(minute) if process.flow and process.has_interest else 0
    return session._replace(
        high=max(session.high, shape.high),
        low=min(session.low, shape.low),
        volume=session.volume + volume,
        value=session.value + volume * sum(shape),
        interest_high=max(session.interest_high, interest),
        interest_low=min(session.interest_low, interest),
    )


def _add_minutes(process: Process, tape: Tape, session: SessionSoFar, first: int, count: int) -> SessionSoFar:
    columns = process.columns(tape.shapes(process.pricing.spot, first, count), first)
    prices = columns.open + columns.high + columns.low + columns.close
    return session._replace(
        high=max(session.high, int(columns.high.max())),
        low=min(session.low, int(columns.low.min())),
        volume=session.volume + int(columns.volume.sum()),
        value=session.value + int((columns.volume * prices).sum()),
        interest_high=max(session.interest_high, int(columns.interest.max())),
        interest_low=min(session.interest_low, int(columns.interest.min())),
    )
