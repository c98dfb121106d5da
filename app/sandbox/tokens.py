"""Instrument tokens: exchange_token * 256 + segment, as Kite builds them.

Contracts get tokens from what they are (chain, week of expiry, strike), never from their place in a list: the
same contract has the same token on every day and in every process.
"""

from datetime import date
from zlib import crc32

SEGMENTS = {"NSE": 1, "NFO": 2, "CDS": 3, "BSE": 4, "BFO": 5, "BCD": 6, "MCX": 7, "INDICES": 9, "NCO": 12}
"""Last byte of a token by exchange; indices have their own."""
FREE_FROM, FREE_COUNT = 1_000_000, 1_000_000
FUTURES_FROM, OPTIONS_FROM = 1_000, 100_000
MONTHS_BEFORE_REUSE, WEEKS_BEFORE_REUSE = 128, 512
"""About ten years, as exchanges do too."""
STRIKES = 1_024
MONTHS_A_YEAR, DAYS_A_WEEK = 12, 7
SATURDAY = date(1970, 1, 3).toordinal()
"""Weeks begin here, so that an expiry that moves back from a holiday stays in its week."""


def token_of(exchange_token: int, segment: str) -> int:
    """The instrument token."""
    return exchange_token * 256 + SEGMENTS.get(segment, SEGMENTS["INDICES"])


def free_token(symbol: str) -> int:
    """An exchange token for a share whose real one is not known."""
    return FREE_FROM + crc32(symbol.encode()) % FREE_COUNT


def future_token(chain: int, expiry: date) -> int:
    """Exchange token of a future, by the number of its underlying in the tables."""
    month = expiry.year * MONTHS_A_YEAR + expiry.month
    return FUTURES_FROM + chain * MONTHS_BEFORE_REUSE + month % MONTHS_BEFORE_REUSE


def option_token(chain: int, expiry: date, strike: int, *, put: bool) -> int:
    """Exchange token of an option; `strike` counts strike steps."""
    week = (expiry.toordinal() - SATURDAY) // DAYS_A_WEEK % WEEKS_BEFORE_REUSE
    return OPTIONS_FROM + ((chain * WEEKS_BEFORE_REUSE + week) * STRIKES + strike % STRIKES) * 2 + put
