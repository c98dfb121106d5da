"""Arguments that several fields share, and their limits."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated

import strawberry

from app.domain.candles import Interval
from app.domain.errors import InvalidInput, MarketDataError
from app.domain.instruments import Exchange, Instrument
from schema.context import RequestContext

MAX_IDS = 500
"""Instruments of one query: what Kite prices in one request."""
MAX_SUBSCRIBED_IDS = 1_000
"""Instruments of one subscription; a third of one upstream socket."""
MAX_AGE_LIMIT_MS = 60_000
"""A price older than a minute is nobody's present price."""
MAX_THROTTLE_MS = 60_000
"""Slower than once a minute is a query, not a subscription."""

Ids = Annotated[
    list[strawberry.ID],
    strawberry.argument(
        description="Instrument ids, EXCHANGE:SYMBOL as in NSE:INFY; at most 500, in a subscription 1000."
    ),
]
MaxAgeMs = Annotated[
    int | None,
    strawberry.argument(description="Accept a remembered price up to this age, 0 to 60000 ms; default 1000."),
]
InstrumentId = Annotated[
    strawberry.ID, strawberry.argument(description="Instrument id, EXCHANGE:SYMBOL as in NSE:INFY.")
]
ExchangeArgument = Annotated[Exchange, strawberry.argument(description="The exchange.")]
IntervalArgument = Annotated[Interval, strawberry.argument(description="The length of each bar.")]
From = Annotated[
    datetime | None, strawberry.argument(name="from", description="First instant, inclusive; not together with `last`.")
]
To = Annotated[datetime | None, strawberry.argument(name="to", description="Last instant, exclusive; default now.")]
Last = Annotated[int | None, strawberry.argument(description="The last N bars before `to`, 1 to 50000.")]
IncludeForming = Annotated[bool, strawberry.argument(description="Whether the bar that is still open is part of it.")]
Continuous = Annotated[
    bool,
    strawberry.argument(
        description="Whether a future's days go back beyond its own listing, as the source joins those of the "
        "contracts before it: futures of NFO and MCX, DAY, WEEK and MONTH."
    ),
]
Underlying = Annotated[
    strawberry.ID, strawberry.argument(description="What the options are written on, as NSE:NIFTY 50 or NSE:INFY.")
]
Expiry = Annotated[
    date | None, strawberry.argument(description="Last trading day of the options; default the nearest one.")
]
StrikesEachSide = Annotated[
    int, strawberry.argument(description="Strikes above and below the one at the money, 1 to 60.")
]
JobId = Annotated[strawberry.ID, strawberry.argument(description="Id of a job, as its mutation gave it.")]
ThrottleMs = Annotated[
    int, strawberry.argument(description="At most one update in this many milliseconds, 0 to 60000.")
]


def check_ids(ids: Sequence[str], limit: int = MAX_IDS) -> None:
    """Raises InvalidInput for an empty list or one over the limit."""
    if not ids:
        msg = "`ids` is empty; name at least one instrument, for example NSE:INFY"
        raise InvalidInput(msg)
    if len(ids) > limit:
        msg = f"`ids` has {len(ids)} entries and at most {limit} are allowed; split the request"
        raise InvalidInput(msg)


def check_max_age(max_age_ms: int | None) -> None:
    """Raises InvalidInput outside 0 to 60000."""
    if max_age_ms is not None and not 0 <= max_age_ms <= MAX_AGE_LIMIT_MS:
        msg = f"`maxAgeMs` is {max_age_ms}; it must lie between 0 and {MAX_AGE_LIMIT_MS}"
        raise InvalidInput(msg)


def check_throttle(throttle_ms: int) -> None:
    """Raises InvalidInput outside 0 to 60000."""
    if not 0 <= throttle_ms <= MAX_THROTTLE_MS:
        msg = f"`throttleMs` is {throttle_ms}; it must lie between 0 and {MAX_THROTTLE_MS}"
        raise InvalidInput(msg)


def find_each(context: RequestContext, ids: Sequence[str]) -> list[Instrument | MarketDataError]:
    """The instrument of each id, or why there is none, in order."""
    found = context.services.instruments.catalogue.find_each(ids)
    lasting: list[Instrument | MarketDataError]
    lasting = [item for item in found if item is not None and item.expiry is None]
    if len(lasting) == len(ids):
        return lasting
    return [_find(context, instrument_id) for instrument_id in ids]


def _find(context: RequestContext, instrument_id: str) -> Instrument | MarketDataError:
    try:
        return context.instrument(instrument_id)
    except MarketDataError as error:
        return error
