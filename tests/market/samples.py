"""Instruments, quotes and closes for tests of the market's context."""

from datetime import UTC, date, datetime

from app.domain.constituents import Membership
from app.domain.instruments import Instrument
from app.domain.provenance import DataSource
from app.domain.quotes import Quote, price_change
from tests.streaming.stage import an_instrument

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
"""10:30 IST on a Monday."""
NIFTY = an_instrument("NIFTY 50")
VIX = an_instrument("INDIA VIX")


def priced(instrument: Instrument | str, last: float, previous: float | None, *, volume: int | None = None) -> Quote:
    """A quote of this moment."""
    change, percent = price_change(last, previous)
    return Quote(
        id=instrument if isinstance(instrument, str) else instrument.id,
        last_price=last,
        source=DataSource.SANDBOX,
        received_at=NOW,
        previous_close=previous,
        change=change,
        change_percent=percent,
        volume=volume,
    )


def members(*ids: str, since: date = date(2026, 9, 30)) -> Membership:
    """A list of NIFTY 50."""
    return Membership("NSE:NIFTY 50", since, ids, "a test")
