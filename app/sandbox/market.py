"""The simulated market: every price a pure function of seed, token and instant."""

from collections.abc import Mapping
from datetime import date, datetime

from app.sandbox.hours import TradingHours
from app.sandbox.shapes import Bar, Level, Snapshot
from app.sandbox.universe import Listed, build_universe

__all__ = ["Bar", "Level", "SimulatedMarket", "Snapshot", "TradingHours"]


class SimulatedMarket:
    """Quotes and candles of every listed instrument at any instant."""

    listed: tuple[Listed, ...]
    by_token: Mapping[int, Listed]
    by_key: Mapping[str, Listed]

    def __init__(self, *, seed: int, calendar: TradingHours, today: date) -> None:
        self._calendar = calendar
        self.listed = build_universe(seed=seed, today=today)
        self.by_token = {row.instrument.instrument_token or 0: row for row in self.listed}
        self.by_key = {row.instrument.id: row for row in self.listed}

    def is_trading(self, token: int, at: datetime) -> bool:
        """Whether the instrument is in continuous trading."""
        raise KeyError(token, at)

    def last_price(self, token: int, at: datetime) -> float | None:
        """The last traded price; None if it never traded. Raises KeyError for an unknown token."""
        raise KeyError(token, at)

    def snapshot(self, token: int, at: datetime) -> Snapshot | None:
        """The full quote; None if it never traded. Raises KeyError for an unknown token."""
        raise KeyError(token, at)

    def candles(self, token: int, interval: str, start: datetime, end: datetime, *, now: datetime) -> list[Bar]:
        """Bars that open in [start, end) and not after `now`, oldest first; the newest may be forming."""
        raise KeyError(token, interval, start, end, now)
