"""Indicators: what may be asked of a series, the fields of `app.domain.indicators`."""

import strawberry

from app.domain.indicators import IndicatorKind, IndicatorSpec, indicator_spec

field = strawberry.field


@strawberry.input(
    name="IndicatorInput",
    description="An indicator and its parameters. What is left out has its usual value; a parameter that the kind does "
    "not take is an error.",
)
class IndicatorInputType:
    """Arguments of an indicator, as the contract has them."""

    kind: IndicatorKind = field(description="What to compute.")
    period: int | None = field(
        default=None,
        description="Bars, 1 to 500: of SMA and EMA (20), RSI, ATR and ADX (14), BOLLINGER (20), SUPERTREND (10).",
    )
    fast: int | None = field(default=None, description="Bars of MACD's fast average (12), fewer than `slow`.")
    slow: int | None = field(default=None, description="Bars of MACD's slow average (26).")
    signal: int | None = field(default=None, description="Bars of MACD's signal (9).")
    width: float | None = field(
        default=None,
        description="Half the width of the band, above 0 to 100: standard deviations of BOLLINGER (2), average true "
        "ranges of SUPERTREND (3).",
    )

    def to_domain(self) -> IndicatorSpec:
        """The same in the domain's words. Raises InvalidInput."""
        return indicator_spec(
            self.kind, period=self.period, fast=self.fast, slow=self.slow, signal=self.signal, width=self.width
        )


@strawberry.type(
    name="IndicatorLine",
    description="One value per candle of the series; null until the indicator has enough bars.",
)
class IndicatorLineType:
    """GraphQL's view of a domain IndicatorLine."""

    name: str = field(
        description="Which line: the kind in lower case where there is one only; MACD has macd, signal, histogram; "
        "BOLLINGER upper, middle, lower; ADX adx, plusDi, minusDi; SUPERTREND line, direction (1 up, -1 down)."
    )
    values: list[float | None] = field(
        description="In the instrument's currency; of RSI and ADX 0 to 100. As long as the series."
    )


@strawberry.type(
    name="IndicatorSeries",
    description="An indicator over the bars of a series. The bars before the series are taken into account, so that "
    "the first value is right.",
)
class IndicatorSeriesType:
    """GraphQL's view of a domain IndicatorSeries."""

    kind: IndicatorKind = field(description="What was computed.")
    label: str = field(description="Kind and parameters for a legend, such as SMA 20.")
    lines: list[IndicatorLineType] = field(description="Its lines.")
    problem: str | None = field(
        description="Why values are null though the series has enough bars: the bars before it could not be fetched. "
        "Null if nothing is wrong."
    )
