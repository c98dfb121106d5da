"""A median says of how many runs it is, and all but the largest fans have several."""

import io
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress

from bench import fan, table
from bench.contenders import MERCURIUS, OURS
from bench.load.websocket import Measured
from bench.pace import Pace
from bench.results import Line, as_json

MEASURED = Measured(
    messages=300, seconds=3.0, opening_seconds=1.0, fewest=1, most=9, first="", lost=0, mean_bytes=2_300.0,
    cpu_seconds=1.0, busy=0.5,
)  # fmt: skip


@pytest.mark.parametrize(("name", "rounds"), [("fan-different", 3), ("fan-stuck", 3), ("fan-1000", 3), ("fan-5000", 1)])
async def test_fans_are_measured_in_rounds(monkeypatch: pytest.MonkeyPatch, name: str, rounds: int) -> None:
    """Every server in each."""
    asked: list[str] = []

    async def run(_: object, contender: Any, __: object) -> fan.Run:
        asked.append(contender.name)
        return fan.Run(MEASURED, [1, 2])

    monkeypatch.setattr(fan, "run", run)
    contenders: Any = [SimpleNamespace(name=OURS), SimpleNamespace(name=MERCURIUS)]
    with Progress(console=Console(file=io.StringIO())) as progress:
        lines = await fan.lines([name], contenders, Pace(), progress)

    assert asked == [OURS, MERCURIUS] * rounds
    assert [as_json(line)["rounds"] for line in lines] == [rounds] * len(lines)


def test_the_table_tells_of_how_many_runs_a_median_is(capsys: pytest.CaptureFixture[str]) -> None:
    """One that was measured once looks like it."""
    several = Line("fan", "messages/s", {OURS: 7_000.0}, runs={OURS: [6_000.0, 7_000.0, 8_000.0]})
    table.show([several, Line("once", "MiB", {OURS: 5_000.0})], title="figures")
    rows = {}
    for line in capsys.readouterr().out.splitlines():
        cells = [cell.strip() for cell in line.split("│")]
        if cells[1:]:
            rows[cells[1]] = cells[3]
    assert (rows["fan"], rows["once"]) == ("3", "1")
