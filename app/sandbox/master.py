"""Kite's instrument master as CSV: that of the simulated universe, and one of the size of the real one.

12 columns in Kite's order. Its quirks are kept: names in quotation marks or empty, EQ for indices and bonds,
tick and lot 0 for indices, strike 0 and no expiry for what has none, last_price always 0. Served by the
sandbox's `/instruments`, gzipped there.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import count, islice

from app.sandbox.filler import Row, filler_rows
from app.sandbox.tokens import token_of
from app.sandbox.universe import Listed, build_universe

HEADER = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,"
    "instrument_type,segment,exchange"
)
FILLER_TOKENS_FROM = 7_000_000
"""Exchange tokens above all of the universe's; with the segment's byte they stay under 2**31."""


def master_csv(listed: Iterable[Listed]) -> bytes:
    """The rows in Kite's 12 columns, UTF-8, with a header line."""
    return _encode(_listed_line(row) for row in listed)


def large_master_csv(*, seed: int, rows: int = 130_000, today: date) -> bytes:
    """A master of all exchanges with exactly `rows` rows, the universe's first.

    No token and no (exchange, symbol) comes twice. The added rows have names and tokens of nothing real.
    """
    universe = build_universe(seed=seed, today=today)
    taken = {row.instrument.id for row in universe}
    lines = (_listed_line(row) for row in universe)
    return _encode(islice(_chain(lines, _filler_lines(seed, today, taken)), rows))


def _chain(first: Iterable[str], second: Iterable[str]) -> Iterator[str]:
    yield from first
    yield from second


def _encode(lines: Iterable[str]) -> bytes:
    return "\n".join([HEADER, *lines, ""]).encode()


def _filler_lines(seed: int, today: date, taken: set[str]) -> Iterator[str]:
    for exchange_token, row in zip(count(FILLER_TOKENS_FROM), filler_rows(seed, today, taken), strict=False):
        token = token_of(exchange_token, row.segment if row.segment == "INDICES" else row.exchange)
        yield _line(token, exchange_token, row)


def _listed_line(listed: Listed) -> str:
    instrument = listed.instrument
    row = Row(
        symbol=instrument.symbol,
        name=instrument.name or "",
        expiry=instrument.expiry.isoformat() if instrument.expiry else "",
        strike=instrument.strike or 0,
        tick=instrument.tick_size or 0,
        lot=instrument.lot_size or 0,
        type=listed.instrument_type,
        segment=instrument.segment or "",
        exchange=instrument.exchange.value,
    )
    return _line(instrument.instrument_token or 0, instrument.exchange_token or 0, row)


def _line(token: int, exchange_token: int, row: Row) -> str:
    name = '"' + row.name.replace('"', '""') + '"' if row.name else ""
    return (
        f"{token},{exchange_token},{row.symbol},{name},0,{row.expiry},{row.strike:.10g},{row.tick:.10g},{row.lot},"
        f"{row.type},{row.segment},{row.exchange}"
    )
