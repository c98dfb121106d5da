"""What a benchmark prints: one table, and the machine that it was measured on."""

import os
import platform
from collections.abc import Iterable, Sequence

import orjson
from rich.console import Console
from rich.table import Table

from bench.processes import BUILD

Row = tuple[str, str, str]
WIDTH = 110
"""Columns of text, so that a table looks the same in a terminal and in a file."""
TABLES = BUILD / "bench-tables"
"""Where `python -m bench` finds what was shown."""


def show(title: str, rows: Iterable[Row]) -> None:
    """The table of (what, median, remark), on standard output; for programs in build/bench-tables."""
    rows = list(rows)
    keep(title, rows)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    table = Table("what", "median", "remark", title=title, caption=machine)
    for row in rows:
        table.add_row(*row)
    Console(width=WIDTH).print(table)


def keep(title: str, rows: Sequence[Sequence[str]]) -> None:
    """The rows as JSON, under the title's first words."""
    path = TABLES / f"{'-'.join(title.split()[:2])}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps({"title": title, "rows": rows}))


def ms(seconds: float) -> str:
    """Seconds as milliseconds."""
    return f"{seconds * 1000:,.2f} ms"
