"""VWAP: the mean price of a session so far, weighed by volume."""

import numpy as np

from app.services.indicators.bars import Bars, Floats, nothing


def vwap(bars: Bars) -> Floats:
    """Mean of (high + low + close) / 3 by volume since the first bar of the IST day; nan before the first trade.

    An index has no volume, and so no VWAP.
    """
    if not len(bars.close):
        return nothing(0)
    starts = np.flatnonzero(np.diff(bars.session, prepend=bars.session[0] - 1))
    typical = (bars.high + bars.low + bars.close) / 3
    sessions = zip(starts, [*starts[1:], len(typical)], strict=True)
    return np.concatenate([_session(typical[start:end], bars.volume[start:end]) for start, end in sessions])


def _session(typical: Floats, volume: Floats) -> Floats:
    """Prices less the first one: what is summed stays small, and the mean exact."""
    base = float(typical[0])
    traded = np.cumsum(volume)
    value = np.cumsum((typical - base) * volume)
    return base + np.divide(value, traded, out=nothing(len(traded)), where=traded > 0)
