"""MarketPhase: the fields of `app.domain.phases`."""

from datetime import datetime

import strawberry

from app.domain.instruments import Exchange
from app.domain.phases import Phase

field = strawberry.field


@strawberry.type(name="MarketPhase", description="What an exchange is doing, by the trading calendar.")
class MarketPhaseType:
    """GraphQL's view of a domain MarketPhase."""

    exchange: Exchange = field(description="The exchange.")
    phase: Phase = field(description="Its present phase; UNKNOWN beyond the calendar's reach, never a guess.")
    since: datetime | None = field(description="When the phase began; null where the calendar does not reach back.")
    next_phase: Phase | None = field(description="What comes next; null where the calendar does not reach.")
    next_transition: datetime | None = field(description="When it comes.")
    reason: str | None = field(description="The holiday's or special session's name, if one applies.")
    calendar: str = field(description="Where the calendar came from and up to when it is known.")
