"""Random walks, as bars and as columns."""

from datetime import datetime, timedelta

import numpy as np
from hypothesis import strategies as st

from app.domain.candles import Candle
from app.domain.time import IST
from app.services.indicators.bars import Bars, bar_columns

OPENS = datetime(2026, 11, 16, 9, 15, tzinfo=IST)
MINUTE = timedelta(minutes=1)


def walk(seed: int, length: int, *, start: float = 1_000.0, opens: datetime = OPENS) -> list[Candle]:
    """Minute bars one after the other, prices in steps of 0.05, some bars without movement or volume."""
    chance = np.random.default_rng(seed)
    steps = chance.normal(scale=start / 500, size=length) * (chance.random(length) > 0.1)
    closes = np.round(np.maximum(start + np.cumsum(steps), start / 10) * 20) / 20
    bars: list[Candle] = []
    before = start
    for index, close in enumerate(closes.tolist()):
        tall = round(float(chance.random()) * start / 250 * 20) / 20 if chance.random() > 0.1 else 0.0
        low = max(min(before, close) - tall, 0.05)
        volume = int(chance.integers(0, 10_000)) if chance.random() > 0.1 else 0
        bars.append(Candle(opens + index * MINUTE, before, max(before, close) + tall, low, close, volume))
        before = close
    return bars


def columns(seed: int, length: int) -> Bars:
    """The same as columns."""
    return bar_columns(walk(seed, length))


SEEDS = st.integers(0, 2**32 - 1)
LENGTHS = st.integers(1, 400)
"""Bars: from too few for anything to enough for all of it."""
