"""The price desk: the simulated market as the servers see it, with its faults.

Comes in: tokens, symbols and instants. Goes out: snapshots. Asked by the REST quotes, the history and the ticker.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from app.sandbox.faults import Faults
from app.sandbox.shapes import Bar, Snapshot
from app.sandbox.universe import Listed


class Market(Protocol):
    """What the servers need of a market; `SimulatedMarket` is one, a test's three instruments are another."""

    @property
    def listed(self) -> Sequence[Listed]:
        """Everything in the instrument master."""
        ...

    @property
    def by_token(self) -> Mapping[int, Listed]:
        """The same by instrument_token."""
        ...

    @property
    def by_key(self) -> Mapping[str, Listed]:
        """The same by EXCHANGE:SYMBOL."""
        ...

    def snapshot(self, token: int, at: datetime) -> Snapshot | None:
        """The full quote; None if it never traded. Raises KeyError for an unknown token."""
        ...

    def candles(
        self, token: int, interval: str, start: datetime, end: datetime, *, now: datetime, continuous: bool = False
    ) -> list[Bar]:
        """Bars that open in [start, end) and not after `now`, oldest first."""
        ...


class PriceDesk:
    """Snapshots by token or by the key that a client sent."""

    def __init__(self, market: Market, faults: Faults) -> None:
        self._market = market
        self._faults = faults

    @property
    def instrument_count(self) -> int:
        """How many instruments are listed."""
        return len(self._market.listed)

    def token_of(self, key: str) -> int | None:
        """The token behind `NSE:INFY` or `408065`; None if nothing such is listed."""
        if key.isascii() and key.isdigit():
            token = int(key)
            return token if token in self._market.by_token else None
        listed = self._market.by_key.get(key)
        return listed.instrument.instrument_token if listed else None

    def snapshot(self, token: int, at: datetime) -> Snapshot | None:
        """What the instrument shows at an instant; None if it is unknown or never traded."""
        listed = self._market.by_token.get(token)
        if listed is None:
            return None
        shown = self._market.snapshot(token, at)
        if shown is not None and self._faults.makes_negative(listed.instrument.id):
            return negated(shown)
        return shown


def negated(shown: Snapshot) -> Snapshot:
    """The same with a last price below zero, as crude oil had it in April 2020."""
    price = -abs(shown.last_price)
    return replace(shown, last_price=price, low=min(price, shown.low))
