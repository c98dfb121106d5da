"""Yahoo's intervals and ranges, how far back they reach, and how their bars are made of Kite's.

Pure; called by the chart.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from app.sandbox.shapes import Bar

RANGES: Mapping[str, int] = MappingProxyType(
    {"1d": 1, "5d": 5, "1mo": 30, "3mo": 91, "6mo": 182, "1y": 365, "2y": 730, "5y": 1_826, "10y": 3_652}
)
"""Days of each range, but for ytd and max; any other number of days is taken too."""
_DAYS = re.compile(r"[1-9][0-9]{0,3}d")
DAYS_OF_MINUTES, DAYS_A_REQUEST = 30, 8
"""Bars of a minute: how old they may be, and the longest request."""
DAYS_INTRADAY, DAYS_OF_HOURS = 60, 730


@dataclass(frozen=True, slots=True)
class Grain:
    """One interval."""

    name: str
    """As the answer's dataGranularity has it."""
    source: str
    """The interval of Kite's whose bars it is made of."""
    minutes: int | None
    """Its length; None for days and longer."""
    parts: int = 1
    """How many of them make a bar, at most."""
    reach_days: int | None = None
    """How old its bars may be; None: no end."""

    @property
    def intraday(self) -> bool:
        """Whether it is shorter than a day."""
        return self.minutes is not None


_HOUR = Grain("1h", "60minute", 60, reach_days=DAYS_OF_HOURS)
GRAINS: Mapping[str, Grain] = MappingProxyType(
    {
        "1m": Grain("1m", "minute", 1, reach_days=DAYS_OF_MINUTES),
        "2m": Grain("2m", "minute", 2, 2, DAYS_INTRADAY),
        "5m": Grain("5m", "5minute", 5, reach_days=DAYS_INTRADAY),
        "15m": Grain("15m", "15minute", 15, reach_days=DAYS_INTRADAY),
        "30m": Grain("30m", "30minute", 30, reach_days=DAYS_INTRADAY),
        "60m": _HOUR,
        "90m": Grain("90m", "30minute", 90, 3, DAYS_INTRADAY),
        "1h": _HOUR,
        "1d": Grain("1d", "day", None),
        "5d": Grain("5d", "day", None),
        "1wk": Grain("1wk", "day", None),
        "1mo": Grain("1mo", "day", None),
        "3mo": Grain("3mo", "day", None),
    }
)
"""By the names that a client may send; 60m is answered as 1h."""


def range_start(name: str, at: datetime) -> datetime | None:
    """The local midnight at which a range begins; None for max. Raises KeyError for an unknown one."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if name == "max":
        return None
    if name == "ytd":
        return midnight.replace(month=1, day=1)
    days = int(name[:-1]) if _DAYS.fullmatch(name) else RANGES[name]
    return midnight - timedelta(days=days - 1)


def grouped(bars: Iterable[Bar], grain: Grain) -> list[Bar]:
    """Bars of the source interval, merged into the grain's."""
    if grain.parts > 1:
        return _merged(bars, _runs(grain))
    period = _PERIODS.get(grain.name)
    return _merged(bars, period) if period else list(bars)


def _runs(grain: Grain) -> Callable[[Bar], datetime]:
    """Where a bar's run of parts begins; a gap or a new day begins a new one."""
    start: datetime | None = None
    previous: datetime | None = None
    step = timedelta(minutes=(grain.minutes or 0) // grain.parts)

    def run_of(bar: Bar) -> datetime:
        nonlocal start, previous
        broken = previous is None or bar.time - previous != step or bar.time.date() != previous.date()
        if start is None or broken or bar.time - start >= step * grain.parts:
            start = bar.time
        previous = bar.time
        return start

    return run_of


def _week(bar: Bar) -> datetime:
    return bar.time - timedelta(days=bar.time.weekday())


def _month(bar: Bar) -> datetime:
    return bar.time.replace(day=1)


def _quarter(bar: Bar) -> datetime:
    return bar.time.replace(month=(bar.time.month - 1) // 3 * 3 + 1, day=1)


_PERIODS: Mapping[str, Callable[[Bar], datetime]] = MappingProxyType(
    {"5d": _week, "1wk": _week, "1mo": _month, "3mo": _quarter}
)


def _merged(bars: Iterable[Bar], opens: Callable[[Bar], datetime]) -> list[Bar]:
    merged: list[Bar] = []
    for bar in bars:
        time = opens(bar)
        if merged and merged[-1].time == time:
            merged[-1] = _joined(merged[-1], bar)
        else:
            merged.append(bar._replace(time=time))
    return merged


def _joined(first: Bar, second: Bar) -> Bar:
    return first._replace(
        high=max(first.high, second.high),
        low=min(first.low, second.low),
        close=second.close,
        volume=first.volume + second.volume,
    )
