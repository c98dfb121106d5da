"""The table of a run: figures, ratios, bars, and whether they are met."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.contenders import EVERY, MERCURIUS, STRAWBERRY
from bench.results import Line, machine

WIDTH = 160
WORDS = {True: "met", False: "MISSED", None: "not measured"}


def show(lines: Sequence[Line], *, title: str) -> None:
    """On standard output."""
    servers = [name for name in EVERY if any(name in line.values for line in lines)]
    table = Table(
        title=title,
        show_lines=True,
        caption=f"{machine()}; medians of so many runs; x: ours by that server's; (...): by a second of processor time",
        expand=False,
    )
    table.add_column("workload", overflow="fold")
    table.add_column("unit")
    against = [name for name in (STRAWBERRY, MERCURIUS) if name in servers]
    table.add_column("runs", justify="right")
    for name in [*servers, *(f"x {other}" for other in against)]:
        table.add_column(name, justify="right")
    for name in ("bar", "remark"):
        table.add_column(name)
    for line in lines:
        figures = [two(line.values.get(name), line.per_cpu.get(name)) for name in servers]
        ratios = [two(line.ratio(other), line.cpu_ratio(other)) for other in against]
        bars = "\n".join(f"{bar}: {WORDS[bar.is_met(line.values)]}" for bar in line.bars)
        table.add_row(line.what, line.unit, str(line.rounds), *figures, *ratios, bars, line.remark)
    Console(width=WIDTH).print(table)


def two(value: float | None, of_cpu: float | None) -> str:
    """A figure, and below it the one by processor time."""
    return number(value) + (f"\n({number(of_cpu)})" if of_cpu else "")


def number(value: float | None) -> str:
    """With as many digits as mean something."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 10 else f"{value:,.2f}"  # noqa: PLR2004 - two steps of one scale


def missed(lines: Sequence[Line]) -> list[str]:
    """The bars that ours did not reach."""
    return [f"{line.what} {bar}" for line in lines for bar in line.bars if bar.is_met(line.values) is False]
