"""Ours and the peers side by side: requests and fan. `python -m bench.peers [WORKLOAD...] [--servers a,b]`."""

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import anyio
import typer
from rich.console import Console
from rich.progress import Progress

from app.clock import SystemClock
from bench import data, fan
from bench.contenders import EVERY, NODE, OURS, Contender, has_node, ours, peer
from bench.pace import Pace
from bench.processes import BUILD
from bench.rates import request_lines
from bench.requests import Request, candles_request, quotes_request
from bench.results import Line, write_json
from bench.table import show

REQUESTS = ("q1", "q50", "c500", "c5000")
WORKLOADS = (*REQUESTS, *fan.VARIANTS)
RESULT = BUILD / "bench-peers.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, and against whom."""

    workloads: Sequence[str]
    servers: Sequence[str]
    pace: Pace

    @property
    def requests(self) -> list[str]:
        """The request workloads among them."""
        return [name for name in REQUESTS if name in self.workloads]

    @property
    def fans(self) -> list[str]:
        """The fan workloads among them."""
        return [name for name in fan.VARIANTS if name in self.workloads]


async def measure(plan: Plan, progress: Progress) -> list[Line]:
    """All lines of the plan."""
    lines: list[Line] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with servers(plan, folder, driven=False) as (contenders, requests):
            if plan.requests:
                lines += await request_lines(requests, contenders, plan.pace, progress)
        if plan.fans:
            async with servers(plan, folder, driven=True) as (contenders, _):
                lines += await fan.lines(plan.fans, contenders, plan.pace, progress)
    return lines


@asynccontextmanager
async def servers(plan: Plan, folder: Path, *, driven: bool) -> AsyncIterator[tuple[list[Contender], list[Request]]]:
    """Ours, warm, the peers with its data, and the requests of the plan. One after the other of two openings."""
    now = SystemClock().now()
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(ours(folder / "service", driven=driven))
        gathered = await data.gather(first, now)
        path = data.write(gathered, folder)
        names = [name for name in plan.servers if name in (fan.SERVERS if driven else fan.REQUEST_SERVERS)]
        contenders = [await stack.enter_async_context(peer(name, path)) for name in names if name != OURS]
        if OURS in plan.servers:
            contenders.insert(0, first)
        makers = {
            "q1": lambda: quotes_request(gathered["quotes"], 1),
            "q50": lambda: quotes_request(gathered["quotes"], 50),
            "c500": lambda: candles_request(gathered["candles"], now, 500),
            "c5000": lambda: candles_request(gathered["candles"], now, 5_000),
        }
        yield contenders, [makers[each]() for each in plan.requests]


def plan_of(workloads: Sequence[str], servers: str, *, quick: bool) -> Plan:
    """The plan of a command line; unknown names end it."""
    chosen = servers.split(",") if servers else [name for name in EVERY if name not in NODE or has_node()]
    if unknown := [*({*workloads} - {*WORKLOADS}), *({*chosen} - {*EVERY})]:
        raise typer.BadParameter(f"unknown: {', '.join(unknown)}; use {', '.join((*WORKLOADS, *EVERY))}")
    return Plan(workloads or WORKLOADS, chosen, Pace.quick() if quick else Pace())


def main(
    workloads: Annotated[list[str] | None, typer.Argument(help=f"Of {' '.join(WORKLOADS)}; default all.")] = None,
    *,
    servers: Annotated[str, typer.Option(help=f"Of {','.join(EVERY)}; default all that run here.")] = "",
    quick: Annotated[bool, typer.Option(help="One short round each.")] = False,
) -> None:
    """Print the table and write build/bench-peers.json."""
    plan = plan_of(workloads or [], servers, quick=quick)
    with Progress(console=Console(stderr=True)) as progress:
        lines = anyio.run(measure, plan, progress, backend_options={"use_uvloop": True})
    show(lines, title="ours and its peers")
    write_json(RESULT, lines, SystemClock().now())


if __name__ == "__main__":
    command = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    command.command()(main)
    command()
