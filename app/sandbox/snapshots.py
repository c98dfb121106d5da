"""A full quote from a session so far and its forming minute; called by `app.sandbox.market`."""

from datetime import datetime, timedelta
from typing import NamedTuple

from app.domain.time import IST
from app.sandbox.flow import Flow
from app.sandbox.hours import SLOTS_A_SECOND, Place
from app.sandbox.money import Step
from app.sandbox.process import Forming, Process
from app.sandbox.session import SessionSoFar
from app.sandbox.shapes import Level, Snapshot

ORIGIN = datetime(1970, 1, 1, 5, 30, tzinfo=IST)
COARSE_SCALE = 100
"""Prices in hundredths and coarser have averages of 2 decimals, finer ones of 4."""


class _Trading(NamedTuple):
    """What instruments have that are traded themselves; indices have none of it."""

    last_quantity: int | None = None
    average_price: float | None = None
    volume: int | None = None
    buy_quantity: int | None = None
    sell_quantity: int | None = None
    oi: int | None = None
    oi_day_high: int | None = None
    oi_day_low: int | None = None
    buy: tuple[Level, ...] | None = None
    sell: tuple[Level, ...] | None = None


NO_TRADING = _Trading()


def build_snapshot(token: int, process: Process, place: Place, session: SessionSoFar, now: Forming) -> Snapshot:
    """The quote at a place. `now`: the forming minute in the instrument's own steps."""
    step, flow = process.pricing.step, process.flow
    traded_at = ORIGIN + timedelta(seconds=place.slot // SLOTS_A_SECOND)
    closed_at = ORIGIN + timedelta(seconds=(place.slot + 1) // SLOTS_A_SECOND)
    trading = _trading(process, flow, place, session, now) if flow else NO_TRADING
    lower, upper = _band(process, session.previous_close)
    return Snapshot(
        instrument_token=token,
        last_price=step.price(now.last),
        open=step.price(session.open),
        high=step.price(max(session.high, now.high)),
        low=step.price(min(session.low, now.low)),
        close=step.price(session.previous_close),
        last_trade_time=traded_at if flow else None,
        exchange_time=traded_at if place.trading else closed_at,
        lower_circuit_limit=lower,
        upper_circuit_limit=upper,
        last_quantity=trading.last_quantity,
        average_price=trading.average_price,
        volume=trading.volume,
        buy_quantity=trading.buy_quantity,
        sell_quantity=trading.sell_quantity,
        oi=trading.oi,
        oi_day_high=trading.oi_day_high,
        oi_day_low=trading.oi_day_low,
        buy=trading.buy,
        sell=trading.sell,
    )


def _trading(process: Process, flow: Flow, place: Place, session: SessionSoFar, now: Forming) -> _Trading:
    step = process.pricing.step
    traded = flow.traded(now.minute, now.slot)
    volume = session.volume + traded
    buy, sell = flow.sides(now.last, place.slot, step)
    interest = flow.open_interest(now.minute) if process.has_interest else None
    return _Trading(
        last_quantity=flow.last_quantity(place.slot),
        average_price=_average(step, session.value + 4 * traded * now.last, volume, now.last),
        volume=volume,
        buy_quantity=flow.pending(buy, now.minute),
        sell_quantity=flow.pending(sell, now.minute),
        oi=interest,
        oi_day_high=None if interest is None else max(interest, session.interest_high),
        oi_day_low=None if interest is None else min(interest, session.interest_low),
        buy=buy,
        sell=sell,
    )


def _average(step: Step, value: int, volume: int, last: int) -> float:
    """Money by volume, where `value` is four times the money in steps; the last price before any trade."""
    if not volume:
        return step.price(last)
    return round(value * step.units / (4 * volume * step.scale), 2 if step.scale <= COARSE_SCALE else 4)


def _band(process: Process, previous_close: int) -> tuple[float | None, float | None]:
    if process.band is None:
        return None, None
    width = int(process.band * (process.band_of or previous_close))
    step = process.pricing.step
    return step.price(max(1, previous_close - width)), step.price(previous_close + width)
