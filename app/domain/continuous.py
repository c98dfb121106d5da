"""Continuous futures: a contract whose days go back beyond its own listing, as those of the contracts before it.

Comes in: a contract. Goes out: the same as an instrument of which other bars are asked and kept. Made by the resolvers
of `candles`; known to the provider, which asks its source for such bars.
"""

from dataclasses import fields

from app.domain.candles import Interval
from app.domain.errors import NotSupported
from app.domain.instruments import Exchange, Instrument, InstrumentKind

JOINED_ON = (Exchange.NFO, Exchange.MCX)
"""Where Kite joins the days of expired futures (upstream.md 1.4)."""


class ContinuousFuture(Instrument):
    """Everything but `series_id` is the contract's."""

    __slots__ = ()

    @property
    def series_id(self) -> str:
        """Apart from the contract's own bars; no symbol has a `#`."""
        return f"{self.id}#continuous"


def continuous_future(instrument: Instrument, interval: Interval) -> ContinuousFuture:
    """The contract with the days of those before it.

    Raises NotSupported for what is no future of NFO or MCX, and for bars of minutes.
    """
    if instrument.kind is not InstrumentKind.FUTURE or instrument.exchange not in JOINED_ON:
        msg = f"{instrument.id} has no continuous series: only futures of {' and '.join(JOINED_ON)} have one"
        raise NotSupported(msg)
    if interval.minutes is not None:
        days = ", ".join(each for each in Interval if each.minutes is None)
        msg = f"continuous futures have no {interval} bars; they have {days}"
        raise NotSupported(msg)
    return ContinuousFuture(*(getattr(instrument, item.name) for item in fields(Instrument)))
