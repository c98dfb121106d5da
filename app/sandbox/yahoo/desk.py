"""The quote desk: from a symbol to what Yahoo says of it, its faults included.

Comes in: symbols that a client sent. Goes out: securities, readings and entries. Used by all endpoints and the stream.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.sandbox.yahoo.board import Board, Reading
from app.sandbox.yahoo.directory import Security
from app.sandbox.yahoo.errors import YahooError
from app.sandbox.yahoo.faults import YahooFaults
from app.sandbox.yahoo.fundamentals import Fundamentals, fundamentals
from app.sandbox.yahoo.quote_fields import delisted_fields, quote_fields

PRE_MARKET, POST_MARKET = range(4 * 60, 9 * 60 + 30), range(16 * 60, 20 * 60)
"""Minutes of the local day around New York's session."""
SECONDS_A_MINUTE = 60


class Desk:
    """Everything that is known of symbols."""

    def __init__(self, directory: Mapping[str, Security], board: Board, faults: YahooFaults, *, seed: int) -> None:
        self.directory = directory
        self.board = board
        self.faults = faults
        self._seed = seed

    def listed(self, symbol: str, envelope: str, description: str) -> Security:
        """A security that is listed. Raises YahooError 404 for what is unknown or delisted."""
        security = self.directory.get(symbol)
        if security is None or self.faults.is_delisted(symbol):
            raise YahooError(404, envelope, "Not Found", description)
        return security

    def facts(self, security: Security) -> Fundamentals:
        """What does not move with every tick."""
        return fundamentals(self._seed, security)

    def reading(self, security: Security) -> Reading | None:
        """What it shows now, unless quotes leave it out."""
        return None if self.faults.is_missing(security.symbol) else self.board.reading(security)

    def entry(self, symbol: str) -> dict[str, Any] | None:
        """Its entry in a quote response; None for what is unknown."""
        security = self.directory.get(symbol)
        if security is None:
            return None
        if self.faults.is_delisted(symbol):
            return delisted_fields(security)
        reading = self.reading(security)
        if reading is None:
            return None
        return quote_fields(
            security,
            reading,
            self.facts(security),
            delay_minutes=int(self.board.delay(security).total_seconds() // SECONDS_A_MINUTE),
            state=self.market_state(security, reading),
        )

    def market_state(self, security: Security, reading: Reading) -> str:
        """REGULAR in continuous trading; PRE and POST around it where there is such a thing; else CLOSED."""
        if reading.trading:
            return "REGULAR"
        return _outside(self.board.seen_at(security)) if security.venue.extended else "CLOSED"


def _outside(at: datetime) -> str:
    minute = at.hour * 60 + at.minute
    if minute in PRE_MARKET:
        return "PRE"
    return "POST" if minute in POST_MARKET else "CLOSED"
