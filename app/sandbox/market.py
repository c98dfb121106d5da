"""The simulated market: every number a pure function of seed, token, instant and calendar.

Nothing is stored, and nothing depends on what was asked before. The construction, from below:

* `noise`: hashes, and sums of random lines over scales from three minutes to a year;
* `spots`: paths of prices, minute by minute, whose half-second slots touch the minute's high and low;
* `pricing`: futures, funds and options from the path of what they are written on, monotone in each minute;
* `flow`: volume, open interest and order book;
* `hours`, `columns`: which of all minutes an instrument trades, and their merging into bars.

The laws that follow, and are tested: the close of the forming bar is the last price at the same instant; longer
bars are the merge of shorter ones; the day's bar is the snapshot's ohlc and volume; the previous close is the
last close of the session before; out of hours the price stands still; scalars and columns agree to the bit.
Prices are counted in whole price steps, so all of this is exact.

What is kept here is memory of answers (the session so far of each instrument, the newest minutes of each path).
The sandbox's servers call it, from one thread or several.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import numpy as np

from app.domain.instruments import Exchange, Instrument, InstrumentKind
from app.sandbox.columns import INTERVALS, Columns, Plan, merge, plan_bars
from app.sandbox.hours import Place, Sessions, TradingHours, day_of, minute_from, slot_at
from app.sandbox.process import Forming, Process, Tape, build_process
from app.sandbox.rules import build_spots
from app.sandbox.session import SessionSoFar, advance, begin
from app.sandbox.shapes import Bar, Level, Snapshot
from app.sandbox.snapshots import ORIGIN, build_snapshot
from app.sandbox.spots import SLOTS, Spot
from app.sandbox.universe import Listed, build_universe

__all__ = ["Bar", "Level", "PathMarket", "SimulatedMarket", "Snapshot", "TradingHours"]

CHUNK_DAYS = 16
"""Days of minutes computed at once: 23,040 numbers a column stay in the processor's cache."""


class PathMarket:
    """Quotes and candles, at any instant, of the instruments that it is given with their paths."""

    def __init__(
        self, listed: Sequence[Listed], spots: Mapping[str, Spot], calendar: TradingHours, *, seed: int
    ) -> None:
        self.listed: tuple[Listed, ...] = tuple(listed)
        self.by_token: Mapping[int, Listed] = {row.instrument.instrument_token or 0: row for row in self.listed}
        self.by_key: Mapping[str, Listed] = {row.instrument.id: row for row in self.listed}
        self._processes = {token: build_process(row, spots, seed=seed) for token, row in self.by_token.items()}
        self._sessions = Sessions(calendar)
        self._tape = Tape()
        self._so_far: dict[int, SessionSoFar] = {}

    def is_trading(self, token: int, at: datetime) -> bool:
        """Whether the instrument is in continuous trading. Raises KeyError for an unknown token."""
        _, place = self._locate(token, at)
        return place is not None and place.trading

    def last_price(self, token: int, at: datetime) -> float | None:
        """The last traded price; None if it never traded up to then. Raises KeyError for an unknown token."""
        process, place = self._locate(token, at)
        if process is None or place is None:
            return None
        minute, slot = divmod(place.slot, SLOTS)
        pricing = process.pricing
        return pricing.step.price(pricing.steps(self._tape.forming(pricing.spot, minute, slot).last, minute))

    def snapshot(self, token: int, at: datetime) -> Snapshot | None:
        """The full quote; None if it never traded up to then. Raises KeyError for an unknown token.

        Out of hours it is the quote at the end of the last session.
        """
        process, place = self._locate(token, at)
        if process is None or place is None:
            return None
        return build_snapshot(
            token, process, place, self._session(token, process, place), self._forming(process, place.slot)
        )

    def candles(
        self, token: int, interval: str, start: datetime, end: datetime, *, now: datetime, continuous: bool = False
    ) -> list[Bar]:
        """Bars that open in [start, end) and not after `now`, oldest first; the newest may be forming.

        A bar that opens before `end` is whole even if it ends after it. Day bars open at 00:00 IST. Contracts have 100
        days of history before their expiry; a `continuous` future has more, which an exchange joins from contracts that
        expired, and which here are its own price. Raises KeyError for an unknown token, ValueError for an interval
        that is not Kite's.
        """
        process = self._processes[token]
        if interval not in INTERVALS:
            msg = f"{interval!r} is not an interval; use one of {', '.join(INTERVALS)}"
            raise ValueError(msg)
        if process is None:
            return []
        wanted, last_slot = range(minute_from(start), minute_from(end)), slot_at(now)
        first_day = max(day_of(wanted.start), 0 if continuous else process.first_day)
        last_day = min(day_of(wanted.stop - 1), day_of(last_slot // SLOTS))
        bars: list[Bar] = []
        for chunk in range(first_day, last_day + 1, CHUNK_DAYS):
            days = range(chunk, min(chunk + CHUNK_DAYS, last_day + 1))
            spans = [(day, self._sessions.spans(process.listed, day)) for day in days]
            plan = plan_bars(spans, INTERVALS[interval], wanted, last_slot // SLOTS)
            if len(plan.minutes):
                bars.extend(self._bars(process, plan, last_slot))
        return bars

    def _locate(self, token: int, at: datetime) -> tuple[Process | None, Place | None]:
        process = self._processes[token]
        return process, self._sessions.place(process.listed, slot_at(at)) if process else None

    def _session(self, token: int, process: Process, place: Place) -> SessionSoFar:
        minute, session = place.slot // SLOTS, self._so_far.get(token)
        if session is None or session.day != place.day or session.minute > minute:
            session = begin(process, self._tape, place, self._sessions.close_before(process.listed, place.day))
            self._so_far[token] = session
        if session.minute != minute:
            session = advance(process, self._tape, session, place)
            self._so_far[token] = session
        return session

    def _forming(self, process: Process, at_slot: int) -> Forming:
        """The minute of a slot up to it, in the instrument's own steps."""
        minute, slot = divmod(at_slot, SLOTS)
        pricing = process.pricing
        spot = self._tape.forming(pricing.spot, minute, slot)
        last, high, low = (pricing.steps(level, minute) for level in (spot.last, spot.high, spot.low))
        return Forming(minute, slot, high, low, last) if pricing.rising else Forming(minute, slot, low, high, last)

    def _bars(self, process: Process, plan: Plan, last_slot: int) -> list[Bar]:
        def columns_of(first: int, count: int) -> Columns:
            whole = process.columns(self._tape.shapes(process.pricing.spot, first, count), first)
            return self._cut(process, whole, last_slot) if first + count - 1 == last_slot // SLOTS else whole

        merged, prices = merge(plan, columns_of), process.pricing.step.prices
        times = [ORIGIN + timedelta(minutes=minute) for minute in plan.opens.tolist()]
        numbers = [prices(column).tolist() for column in merged[:4]]
        interest = merged.interest.tolist() if process.has_interest else [None] * len(times)
        rows = zip(times, *numbers, merged.volume.tolist(), interest, strict=True)
        return [Bar._make(row) for row in rows]

    def _cut(self, process: Process, whole: Columns, last_slot: int) -> Columns:
        """The columns with their last minute only up to a slot."""
        forming = self._forming(process, last_slot)
        volume = process.flow.traded(forming.minute, forming.slot) if process.flow else 0
        ends = (int(whole.open[-1]), forming.high, forming.low, forming.last, volume, int(whole.interest[-1]))
        return Columns(*(np.append(column[:-1], end) for column, end in zip(whole, ends, strict=True)))


class SimulatedMarket(PathMarket):
    """The Indian market: everything that is listed on a day."""

    def __init__(self, *, seed: int, calendar: TradingHours, today: date) -> None:
        def trades(exchange: Exchange, day: date) -> bool:
            return bool(calendar.trading_spans(_any_future(exchange), day, has_derivatives=False))

        listed = build_universe(seed=seed, today=today, trades=trades)
        super().__init__(listed, build_spots(seed), calendar, seed=seed)


def _any_future(exchange: Exchange) -> Instrument:
    """Stands for all futures of an exchange when its calendar is asked for a day."""
    return Instrument(
        id=f"{exchange}:",
        exchange=exchange,
        symbol="",
        name=None,
        kind=InstrumentKind.FUTURE,
        segment=None,
        instrument_token=None,
        exchange_token=None,
        tick_size=None,
        lot_size=None,
        expiry=None,
        strike=None,
        underlying_id=None,
        currency="INR",
    )
