"""The request workloads, measured: every server in turn, round by round."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median

from rich.progress import Progress

from bench.contenders import MERCURIUS, STRAWBERRY, Contender
from bench.load.http import Measured, Question
from bench.pace import Pace
from bench.processes import HOST, answer_of
from bench.requests import Request
from bench.results import Bar, Line, per_cpu

CONNECTIONS = 16
"""As many as the figures of the design were measured with."""
BARS: Mapping[str, Sequence[Bar]] = {
    "q50": (Bar(1.0, MERCURIUS), Bar(15.0, STRAWBERRY)),
    "c5000": (Bar(1.5, MERCURIUS),),
}


async def request_lines(
    requests: Sequence[Request], contenders: Sequence[Contender], pace: Pace, progress: Progress
) -> list[Line]:
    """One line a workload. Raises WrongAnswer before a server is measured that answers anything else."""
    task = progress.add_task("requests", total=sum(rounds(each, pace) for each in requests) * len(contenders))
    lines = []
    for request in requests:
        runs: dict[str, list[Measured]] = {each.name: [] for each in contenders}
        for _ in range(rounds(request, pace)):
            size: int | None = None
            for contender in contenders:
                progress.update(task, description=f"{request.name} {contender.name}")
                found = await request.check(contender, size)
                size = size or found
                runs[contender.name].append(await run(request, contender, pace))
                progress.advance(task)
        lines.append(line(request, runs))
    return lines


def rounds(request: Request, pace: Pace) -> int:
    """Fewer where nothing depends on it."""
    return pace.rounds if request.name in BARS else min(2, pace.rounds)


async def run(request: Request, contender: Contender, pace: Pace) -> Measured:
    """One run of one server."""
    raw = request.raw(contender).decode()
    question = Question(
        HOST, contender.port, raw, CONNECTIONS, contender.program.process.pid, pace.warm_seconds, pace.seconds
    )
    return Measured(**await answer_of("bench.load.http", asdict(question)))  # type: ignore[arg-type]


def line(request: Request, runs: Mapping[str, Sequence[Measured]]) -> Line:
    """The medians of a workload."""
    rates = {name: [each.rate for each in found] for name, found in runs.items()}
    slowest = " ".join(f"{median(each.p99_ms for each in found):,.0f}" for found in runs.values())
    return Line(
        request.name,
        "requests/s",
        {name: median(each) for name, each in rates.items()},
        BARS.get(request.name, ()),
        f"p99 ms: {slowest}",
        rates,
        {name: per_cpu([(each.requests, each.cpu_seconds) for each in found]) for name, found in runs.items()},
    )
