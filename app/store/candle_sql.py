"""The statements of the candle store, the same for both databases. For `candle_sqlite` and `candle_postgresql`.

Parameters are numbered: $1 as PostgreSQL has them, ?1 for SQLite.
"""

# ruff: noqa: S608 -- only our own names of columns are put together here

from typing import Final

BAR = "opens_at, open, high, low, close, volume, open_interest, state"
KNOWN = "starts_us, ends_us, source, fetched_us"

_SERIES = "(SELECT id FROM candle_series WHERE instrument_id = $1 AND interval = $2)"
_TOUCHING = "ends_us >= $2 AND starts_us <= $3"

BARS: Final = (
    f"SELECT {BAR} FROM candle WHERE series_id = {_SERIES} AND opens_at >= $3 AND opens_at < $4 ORDER BY opens_at"
)
"""Of $1 and $2: from $3 up to but without $4, in epoch seconds; oldest first."""
LAST_BARS: Final = (
    f"SELECT {BAR} FROM candle WHERE series_id = {_SERIES} AND opens_at < $3 ORDER BY opens_at DESC LIMIT $4"
)
"""Of $1 and $2: the last $4 before $3, newest first."""
OPENING: Final = (
    f"SELECT opens_at FROM candle WHERE series_id = {_SERIES} AND opens_at < $3"
    " ORDER BY opens_at DESC LIMIT 1 OFFSET $4"
)
"""Of $1 and $2: when the bar before $3 opens that has $4 newer ones before $3."""
WRITES: Final = "SELECT writes FROM candle_series WHERE instrument_id = $1 AND interval = $2"
COVERAGE: Final = (
    f"SELECT {KNOWN} FROM candle_coverage"
    f" WHERE series_id = {_SERIES} AND ends_us >= $3 AND starts_us <= $4 ORDER BY starts_us"
)
"""Of $1 and $2: spans that overlap or touch $3 to $4, in epoch microseconds."""

LOCK: Final = (
    "UPDATE candle_series SET written_us = $3, writes = writes + 1"
    " WHERE instrument_id = $1 AND interval = $2 RETURNING id"
)
"""The number of a series that exists; other writers of it wait for the end of this transaction."""
LOCK_NEW: Final = (
    "INSERT INTO candle_series (instrument_id, interval, written_us, writes) VALUES ($1, $2, $3, 1)"
    " ON CONFLICT (instrument_id, interval)"
    " DO UPDATE SET written_us = excluded.written_us, writes = candle_series.writes + 1 RETURNING id"
)
"""The same for one that LOCK did not find. Not at once this: on PostgreSQL each try takes a number for ever."""
TOUCHING: Final = f"SELECT {KNOWN} FROM candle_coverage WHERE series_id = $1 AND {_TOUCHING}"
FORGET_TOUCHING: Final = f"DELETE FROM candle_coverage WHERE series_id = $1 AND {_TOUCHING}"
INSERT_KNOWN: Final = f"INSERT INTO candle_coverage (series_id, {KNOWN}) VALUES ($1, $2, $3, $4, $5)"
FORGET_BARS: Final = "DELETE FROM candle WHERE series_id = $1"
FORGET_COVERAGE: Final = "DELETE FROM candle_coverage WHERE series_id = $1"

_UPDATED = ", ".join(f"{name} = excluded.{name}" for name in BAR.split(", ")[1:])
INSERT_BARS: Final = f"INSERT INTO candle (series_id, {BAR})"
ON_CONFLICT: Final = f"ON CONFLICT (series_id, opens_at) DO UPDATE SET {_UPDATED}"
"""A bar that was there is replaced."""
