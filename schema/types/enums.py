"""The domain's enums as GraphQL enums, each value described."""

from enum import Enum
from typing import TypeVar

import strawberry

from app.domain.candles import CandleState, Interval
from app.domain.feeds import BreakerState, FeedState
from app.domain.indicators import IndicatorKind
from app.domain.instruments import Exchange, InstrumentKind
from app.domain.jobs import JobKind, JobState
from app.domain.market_context import Trend, VolatilityLevel
from app.domain.phases import Phase
from app.domain.provenance import DataSource, Freshness

E = TypeVar("E", bound=type[Enum])


def describe(enum: E, description: str, values: dict[str, str]) -> E:
    """Make a GraphQL enum of a domain enum. Raises ValueError unless exactly its values are described."""
    described: E = strawberry.enum(enum, description=description)
    definition = described.__strawberry_definition__  # type: ignore[attr-defined]  # set by strawberry.enum
    if {value.name for value in definition.values} != set(values):
        msg = f"{enum.__name__}: every value needs exactly one description"
        raise ValueError(msg)
    for value in definition.values:
        value.description = values[value.name]
    return described


describe(
    DataSource,
    "Who said it. A process serves either real sources or the sandbox, never both.",
    {
        "KITE": "Kite Connect (Zerodha).",
        "YAHOO": "Yahoo Finance.",
        "SANDBOX": "The simulated exchange: nothing of it is real.",
    },
)
describe(
    Freshness,
    "How far a price may be trusted as the present one.",
    {
        "LIVE": "From a running stream, or younger than its limit.",
        "DELAYED": "The source says that it is delayed.",
        "STALE": "Older than its limit.",
        "CLOSED": "The last price of a closed session.",
    },
)
describe(
    Exchange,
    "Where an instrument trades.",
    {
        "NSE": "National Stock Exchange of India, cash market and indices.",
        "BSE": "BSE (Bombay), cash market and indices.",
        "NFO": "NSE futures and options.",
        "BFO": "BSE futures and options.",
        "CDS": "NSE currency derivatives.",
        "BCD": "BSE currency derivatives.",
        "MCX": "Multi Commodity Exchange of India.",
        "NCO": "NSE commodity derivatives.",
        "NSEIX": "NSE International Exchange, GIFT City.",
        "GLOBAL": "World indices that Kite lists.",
        "YAHOO": "Yahoo Finance's own symbols, such as YAHOO:^GSPC.",
    },
)
describe(
    InstrumentKind,
    "What an instrument is.",
    {
        "EQUITY": "A share.",
        "INDEX": "An index; it has no volume and no depth.",
        "FUTURE": "A futures contract.",
        "CALL": "A call option.",
        "PUT": "A put option.",
        "ETF": "An exchange-traded fund.",
        "CURRENCY": "A currency pair, spot.",
        "COMMODITY": "A commodity, spot.",
        "CRYPTO": "A crypto currency.",
        "OTHER": "Bonds, bills and whatever the instrument master does not tell.",
    },
)
describe(
    Interval,
    "The length of a bar.",
    {
        "MINUTE": "1 minute.",
        "MINUTE_3": "3 minutes.",
        "MINUTE_5": "5 minutes.",
        "MINUTE_10": "10 minutes.",
        "MINUTE_15": "15 minutes.",
        "MINUTE_30": "30 minutes.",
        "HOUR": "60 minutes.",
        "DAY": "One trading day, opening at 00:00 IST.",
        "WEEK": "Monday to Sunday IST, made from days.",
        "MONTH": "A calendar month IST, made from days.",
    },
)
describe(
    CandleState,
    "Whether a bar can still change.",
    {
        "FORMING": "The bar is still open.",
        "FINAL": "Its time is over.",
        "CORRECTED": "Replaced by the exchange's official bar.",
    },
)
describe(
    IndicatorKind,
    "What can be computed over the bars of a series. Definitions and beginnings are those of TA-Lib.",
    {
        "SMA": "Simple moving average of the close.",
        "EMA": "Exponential moving average of the close.",
        "RSI": "Relative strength index by Wilder, 0 to 100; null while the price has not moved.",
        "MACD": "Convergence and divergence of a fast and a slow exponential average.",
        "ATR": "Average true range by Wilder.",
        "BOLLINGER": "Simple average, and standard deviations of the population above and below it.",
        "VWAP": "Mean price by volume since the session began, for bars shorter than a day; null without volume.",
        "ADX": "Average directional index by Wilder, 0 to 100, with its two sides.",
        "SUPERTREND": "A band of true ranges that trails the price, and its direction.",
    },
)
describe(
    Phase,
    "What an exchange is doing.",
    {
        "PRE_OPEN": "The opening auction.",
        "OPEN": "Continuous trading.",
        "CLOSING_AUCTION": "The closing auction (since 2026-08-03, stocks with derivatives).",
        "POST_CLOSE": "Trading at the closing price.",
        "CLOSED": "Shut, as on every evening and weekend.",
        "HOLIDAY": "Shut for a holiday, named in `reason`.",
        "UNKNOWN": "The calendar does not reach that far; see `calendar`.",
    },
)
describe(
    JobKind,
    "What a job does.",
    {
        "CANDLE_BACKFILL": "Fetches bars of many instruments and stores them, behind everybody's queries.",
        "INSTRUMENT_SYNC": "Fetches the instrument master.",
    },
)
describe(
    JobState,
    "Where a job stands.",
    {
        "QUEUED": "It waits for its turn: one job of a kind runs at a time, the oldest first.",
        "RUNNING": "It is worked on, or waits for the source; `message` says for what.",
        "SUCCEEDED": "All of it is done.",
        "FAILED": "It ended without all of its result; `message` says why. What was done is kept.",
        "CANCELLED": "It was cancelled. What was done is kept.",
    },
)
describe(
    FeedState,
    "The state of a source's stream.",
    {
        "CONNECTING": "Dialling, or dialling again after a loss.",
        "LIVE": "The stream is up. Out of session, silence of prices is normal.",
        "STALLED": "The socket was open and said nothing for too long; it is being replaced.",
        "LOGIN_REQUIRED": "Parked until a person logs in.",
        "RATE_LIMITED": "The source refuses another socket; most likely another process holds them.",
        "DOWN": "The source cannot be reached; it is tried again.",
        "DISABLED": "Not configured.",
    },
)
describe(
    Trend,
    "Where the trend's score of [-1, 1] stands.",
    {
        "STRONG_DOWN": "-0.6 or below.",
        "DOWN": "-0.2 or below.",
        "SIDEWAYS": "Between -0.2 and 0.2.",
        "UP": "0.2 or above.",
        "STRONG_UP": "0.6 or above.",
    },
)
describe(
    VolatilityLevel,
    "Where INDIA VIX stands.",
    {
        "LOW": "Below the 25th percentile of 252 sessions; below 13 where their number is too small.",
        "NORMAL": "From the 25th percentile; from 13.",
        "ELEVATED": "From the 75th percentile; from 18.",
        "HIGH": "From the 90th percentile; from 25.",
    },
)
describe(
    BreakerState,
    "The circuit to one capability of a source.",
    {
        "CLOSED": "Calls go out.",
        "OPEN": "The source failed repeatedly; calls are answered without it for a while.",
        "HALF_OPEN": "One call is out to see whether it is back.",
    },
)
