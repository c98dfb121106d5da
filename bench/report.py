"""What a benchmark prints: one table, and the machine that it was measured on."""

import os
import platform
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

Row = tuple[str, str, str]
WIDTH = 110
"""Columns of text, so that a table looks the same in a terminal and in a file."""


def show(title: str, rows: Iterable[Row]) -> None:
    """The table of (what, median, remark), on standard output."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    table = Table("what", "median", "remark", title=title, caption=machine)
    for row in rows:
        table.add_row(*row)
    Console(width=WIDTH).print(table)


def ms(seconds: float) -> str:
    """Seconds as milliseconds."""
    return f"{seconds * 1000:,.2f} ms"
