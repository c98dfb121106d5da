"""QuoteUpdate, TickBatch: what subscriptions deliver, the fields of `app.domain.updates`."""

from datetime import datetime

import strawberry

from app.domain.feeds import FeedState
from app.domain.provenance import DataSource
from app.domain.ticks import Cursor
from schema.types.quotes import QuoteType
from schema.types.scalars import BigInt

field = strawberry.field


@strawberry.type(
    name="Rejection", description="An instrument that a subscription asked for and does not have, and why."
)
class RejectionType:
    """GraphQL's view of a domain Rejection."""

    id: strawberry.ID = field(description="The id as it was asked for.")
    code: str = field(description="The error's code, as in `extensions.code` of a query.")
    message: str = field(description="What is wrong, and the remedy.")
    subscribed: bool = field(
        description="True: it is subscribed all the same and its first value follows as soon as the source has it. "
        "False: it will not come in this subscription."
    )


@strawberry.type(
    name="QuoteUpdate",
    description="The quotes that changed since the last update. The first update is a snapshot of all of them. An "
    "update without quotes tells a new state of the feed.",
)
class QuoteUpdateType:
    """GraphQL's view of a domain QuoteUpdate."""

    sequence: BigInt = field(
        description="Grows by one per update of this stream; a jump means that updates were merged because the client "
        "was slower than the stream. The state it holds is still the newest. Alike subscriptions share a stream: who "
        "joins one begins with its present number."
    )
    snapshot: bool = field(description="Whether this is the client's first update, with all that is known.")
    quotes: list[QuoteType] = field(description="The quotes that changed, in no particular order.")
    rejected: list[RejectionType] = field(description="What was asked for and is not there; told once.")
    feed: FeedState = field(description="State of the stream behind it.")


@strawberry.type(name="Tick", description="One change as the exchange sent it.")
class TickType:
    """GraphQL's view of a domain Tick."""

    id: strawberry.ID = field(description="The instrument's id.")
    last_price: float = field(description="Price of the last trade, in the instrument's currency.")
    last_quantity: BigInt | None = field(description="Units of the last trade; null for indices.")
    volume: BigInt | None = field(description="Units traded today, cumulative; null for indices.")
    bid: float | None = field(description="Best bid; null with an empty side.")
    ask: float | None = field(description="Best ask; null with an empty side.")
    open_interest: BigInt | None = field(description="Open interest, units; null where there is none.")
    exchange_time: datetime | None = field(description="The exchange's own clock.")
    received_at: datetime = field(description="When this service received it.")
    source: DataSource = field(description="Who said it.")


@strawberry.type(name="TickBatch", description="Ticks in order, nothing merged.")
class TickBatchType:
    """GraphQL's view of a domain TickBatch."""

    cursor: Cursor = field(description="Position after the last tick of this batch; `after` resumes from it.")
    missed: int = field(
        description="Ticks lost before this batch; 0 unless the client fell behind or the feed broke. A lower bound "
        "where `gap` is true."
    )
    gap: bool = field(
        description="True if ticks may have been lost that nobody could count: the feed broke, or `after` lies before "
        "what the buffer holds."
    )
    ticks: list[TickType] = field(description="The ticks, in order of arrival.")
    rejected: list[RejectionType] = field(description="What was asked for and cannot be had; told once.")
