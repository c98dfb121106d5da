"""Everything: `make bench`. Prints the tables, writes build/bench.json, and says which bars are missed."""

import subprocess
import sys
from typing import Annotated

import anyio
import orjson
import typer
from rich.console import Console
from rich.progress import Progress

from app.clock import SystemClock
from bench import history, latency, peers, start
from bench.contenders import has_node
from bench.processes import BUILD, ROOT
from bench.report import TABLES
from bench.results import Line, write_json
from bench.table import missed, show

RESULT = BUILD / "bench.json"
ALONE = ("bench.intake", "bench.master", "bench.candles")
"""Modules that show a table of their own."""


async def measure(plan: peers.Plan, progress: Progress) -> list[Line]:
    """Every line of the great table."""
    lines = await peers.measure(plan, progress)
    task = progress.add_task("history", total=3)
    lines += await history.lines()
    progress.update(task, advance=1, description="latency")
    lines += await latency.lines()
    progress.update(task, advance=1, description="start and memory")
    lines += await start.lines()
    progress.advance(task)
    return lines


def run_alone(module: str) -> int:
    """Its exit code; it prints for itself."""
    command = [sys.executable, "-m", module]
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 - our own modules


def main(*, quick: Annotated[bool, typer.Option(help="One short round each.")] = False) -> None:
    """All workloads."""
    console = Console(stderr=True)
    if not has_node():
        console.print("Node is not here: Mercurius and graphql-ws are left out, and so are the bars against them")
    with Progress(console=console) as progress:
        plan = peers.plan_of([], "", quick=quick)
        lines = anyio.run(measure, plan, progress, backend_options={"use_uvloop": True})
    show(lines, title="ours and its peers")
    write_json(RESULT, lines, SystemClock().now())
    failed = [module for module in ALONE if run_alone(module)]
    tables = [orjson.loads(path.read_bytes()) for path in sorted(TABLES.glob("*.json"))]
    write_json(RESULT, lines, SystemClock().now(), tables)
    for each in [*missed(lines), *failed]:
        console.print(f"missed: {each}")
    console.print(f"written to {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    command = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    command.command()(main)
    command()
