"""What every server is asked: the same instruments, fields and documents.

Twelve leaf fields of a quote and six of a bar. The documents are sent to each GraphQL server letter by letter.
"""

from app.sandbox.names import NIFTY_50

QUOTE_IDS = [f"NSE:{stock.symbol}" for stock in NIFTY_50]
"""Fifty shares, which the sandbox knows by their real names."""
FAN_IDS = QUOTE_IDS[:10]
CANDLE_ID = "NSE:INFY"
LONGEST = 5_000
"""Bars of the long chart."""

QUOTE_FIELDS = (
    *("id", "lastPrice", "open", "high", "low", "previousClose"),
    *("change", "changePercent", "volume", "averagePrice", "receivedAt", "source"),
)
CANDLE_FIELDS = ("epochSeconds", "open", "high", "low", "close", "volume")

QUOTES = f"query Quotes($ids: [ID!]!) {{ quotes(ids: $ids) {{ {' '.join(QUOTE_FIELDS)} }} }}"
CANDLES = (
    "query Candles($id: ID!, $from: DateTime!, $to: DateTime!) "
    "{ candles(id: $id, interval: MINUTE, from: $from, to: $to) "
    f"{{ candles {{ {' '.join(CANDLE_FIELDS)} }} }} }}"
)


def fan_document(sequence: str = "sequence", throttle_ms: int = 0) -> str:
    """The subscription of ten quotes. `sequence`: that field, perhaps with an alias, which makes a document its own."""
    return (
        f"subscription Fan($ids: [ID!]!) {{ quotes(ids: $ids, throttleMs: {throttle_ms}) "
        f"{{ {sequence} quotes {{ {' '.join(QUOTE_FIELDS)} }} }} }}"
    )
