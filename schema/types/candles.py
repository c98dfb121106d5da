"""CandleSeries, Candle, CandleColumns, TimeRange: the fields of `app.domain.candles`."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.domain.candles import CandleSeries, CandleState, Interval
from app.domain.indicators import IndicatorSeries
from app.domain.provenance import DataSource
from schema.context import Info
from schema.types.indicators import IndicatorInputType, IndicatorSeriesType
from schema.types.scalars import BigInt

if TYPE_CHECKING:
    from schema.types.instruments import InstrumentType

field = strawberry.field


@strawberry.type(name="Candle", description="One bar. Prices in the instrument's currency.")
class CandleType:
    """GraphQL's view of a domain Candle."""

    time: datetime = field(description="The instant the bar opens (inclusive).")
    epoch_seconds: BigInt = field(description="The same instant in seconds since 1970, for charting libraries.")
    open: float = field(description="First price.")
    high: float = field(description="Highest price.")
    low: float = field(description="Lowest price.")
    close: float = field(description="Last price.")
    volume: BigInt = field(description="Units traded in the bar; 0 for indices.")
    open_interest: BigInt | None = field(description="Open interest at the end of the bar, units; null if none.")
    state: CandleState = field(description="Whether the bar can still change.")


@strawberry.type(
    name="CandleColumns",
    description="Candles as columns of equal length, for plotting libraries and for large ranges.",
)
class CandleColumnsType:
    """GraphQL's view of domain CandleColumns."""

    epoch_seconds: list[BigInt] = field(description="Opening instants, seconds since 1970.")
    open: list[float] = field(description="First prices.")
    high: list[float] = field(description="Highest prices.")
    low: list[float] = field(description="Lowest prices.")
    close: list[float] = field(description="Last prices.")
    volume: list[BigInt] = field(description="Units traded.")


@strawberry.type(name="TimeRange", description="A span of time, [from, to).")
class TimeRangeType:
    """GraphQL's view of a domain CandleRange."""

    start: datetime = field(name="from", description="Beginning, inclusive.")
    end: datetime = field(name="to", description="End, exclusive.")


@strawberry.type(name="SourceShare", description="How many bars of a series one source gave.")
class SourceShareType:
    """GraphQL's view of a domain SourceShare."""

    source: DataSource = field(description="The source.")
    candles: int = field(description="Number of bars.")


IndicatorInputs = Annotated[
    list[IndicatorInputType], strawberry.argument(description="Which ones, at most 10, with their parameters.")
]


async def indicators(series: strawberry.Parent[CandleSeries], info: Info, of: IndicatorInputs) -> list[IndicatorSeries]:
    """The indicators over the bars of the series, in the order asked."""
    context = info.context
    specs = [one.to_domain() for one in of]
    return await context.services.indicators.indicators(series, specs, cost=context.cost)


@strawberry.type(name="CandleSeries", description="Bars of one instrument, oldest first.")
class CandleSeriesType:
    """GraphQL's view of a domain CandleSeries."""

    instrument: Annotated["InstrumentType", strawberry.lazy("schema.types.instruments")] = field(
        description="Whose bars they are."
    )
    interval: Interval = field(description="The length of each bar.")
    start: datetime | None = field(name="from", description="Beginning of the span, inclusive.")
    end: datetime | None = field(name="to", description="End of the span, exclusive.")
    count: int = field(description="Number of bars.")
    candles: list[CandleType] = field(description="The bars, oldest first.")
    columns: CandleColumnsType = field(description="The same bars as columns.")
    expected: int | None = field(
        description="Bars that the trading calendar expects in [from, to]; null where it does not reach. More than "
        "`count` where an instrument did not trade in some of them."
    )
    missing: list[TimeRangeType] = field(
        description="Spans inside [from, to] for which there is no bar though one was expected, or, beyond the "
        "calendar's reach, though it was never fetched. Without the nights between sessions."
    )
    problem: str | None = field(
        description="Why something is missing, as `CODE: message`; null if all that was asked for was fetched."
    )
    fallback_reason: str | None = field(
        description="Set where the first choice of source could not answer: why; else null."
    )
    sources: list[SourceShareType] = field(description="Which source gave how many of the bars.")
    upstream_calls: int = field(
        description="How many upstream calls this answer needed; 0 when it came from the store."
    )
    indicators: list[IndicatorSeries] = field(
        resolver=indicators,
        graphql_type=list[IndicatorSeriesType],
        description="Indicators over these bars, in the order asked. Bars before the series are fetched where they are "
        "needed, so that the first value is right.",
    )
