"""Kite's instrument master as CSV."""

from collections.abc import Iterable
from datetime import date

from app.sandbox.universe import Listed


def master_csv(listed: Iterable[Listed]) -> bytes:
    """The rows in Kite's 12 columns, UTF-8, with a header line."""
    del listed
    return b""


def large_master_csv(*, seed: int, rows: int = 130_000, today: date) -> bytes:
    """A master of all exchanges with exactly `rows` rows."""
    del seed, rows, today
    return b""
