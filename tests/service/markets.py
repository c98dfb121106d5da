"""A market that moves faster than the simulated one, whose prices change twice a second."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count

from anyio import to_thread

from app.clock import SystemClock
from app.sandbox.prices import Market
from app.sandbox.serve import build_market
from app.sandbox.settings import SandboxSettings
from app.sandbox.shapes import Bar, Snapshot
from app.sandbox.universe import Listed


class RestlessMarket:
    """Another market, in which every look at an instrument shows another last quantity."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._looks = count(1)

    @property
    def listed(self) -> Sequence[Listed]:
        """As in the other market."""
        return self._market.listed

    @property
    def by_token(self) -> Mapping[int, Listed]:
        """As in the other market."""
        return self._market.by_token

    @property
    def by_key(self) -> Mapping[str, Listed]:
        """As in the other market."""
        return self._market.by_key

    def snapshot(self, token: int, at: datetime) -> Snapshot | None:
        """The other market's, with a quantity that no snapshot had before; indices have none."""
        shown = self._market.snapshot(token, at)
        if shown is None or shown.last_quantity is None:
            return shown
        return replace(shown, last_quantity=next(self._looks))

    def candles(self, token: int, interval: str, start: datetime, end: datetime, *, now: datetime) -> list[Bar]:
        """As in the other market."""
        return self._market.candles(token, interval, start, end, now=now)


async def build_restless_market() -> RestlessMarket:
    """On top of the simulated one."""
    settings = SandboxSettings(redirect_url="http://127.0.0.1/")
    return RestlessMarket(await to_thread.run_sync(build_market, settings, SystemClock()))
