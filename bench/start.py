"""Start and memory with the full instrument master. `python -m bench.start`.

Cold: an empty database and a login; the service fetches and stores 130,000 rows. Warm: the same database again, from
the start of the process to the first answer out of the full master.
"""

import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import anyio
import httpx

from app.clock import SystemClock
from bench.contenders import OURS, ours, service_environment
from bench.processes import BUILD, HOST, Program, free_port, running
from bench.results import Bar, Line, write_json
from bench.table import show

ROWS = 130_000
WARM_STARTS = 3
ALLOWED_SECONDS = 3.0
ALLOWED_MIB = 300.0
MIB = 1024 * 1024
PATIENCE = 60.0
POLL_SECONDS = 0.01
SETTLE_SECONDS = 2.0
"""After the first answer: what the start left to be freed is freed by then."""
FIRST = '{ searchInstruments(text: "nifty", first: 1) { totalCount } }'


async def lines() -> list[Line]:
    """Start and memory, cold and warm."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with ours(folder, rows=ROWS) as service:
            count = await answered(service.url, service.program)
            await anyio.sleep(SETTLE_SECONDS)
            cold = service.program.resident_bytes / MIB
        warm = [await started(folder) for _ in range(WARM_STARTS)]
    seconds, resident = [each[0] for each in warm], [each[1] for each in warm]
    memory = (Bar(ALLOWED_MIB, at_most=True),)
    remark = f"{count:,} found by a search"
    return [
        Line(
            "start, warm", "s", {OURS: median(seconds)}, (Bar(ALLOWED_SECONDS, at_most=True),), remark, {OURS: seconds}
        ),
        Line("memory, warm", "MiB", {OURS: median(resident)}, memory, f"{ROWS:,} rows", {OURS: resident}),
        Line("memory after a cold sync", "MiB", {OURS: cold}, memory, f"{ROWS:,} rows"),
    ]


async def started(folder: Path) -> tuple[float, float]:
    """Seconds from the start of the process to its first answer, and its memory a little later."""
    port = free_port()
    begun = perf_counter()
    env = service_environment(folder, port, free_port())
    async with running("start", [sys.executable, "-m", "app.cli", "serve"], env=env) as program:
        await answered(f"http://{HOST}:{port}", program)
        taken = perf_counter() - begun
        await anyio.sleep(SETTLE_SECONDS)
        return taken, program.resident_bytes / MIB


async def answered(url: str, program: Program) -> int:
    """How many instruments the first search finds that finds any. Raises ProgramFailed."""
    with anyio.move_on_after(PATIENCE):
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            while program.process.returncode is None:
                if count := await found(client):
                    return count
                await anyio.sleep(POLL_SECONDS)
    what = "no search was answered"
    raise program.failure(what)


async def found(client: httpx.AsyncClient) -> int:
    """0 while nothing answers."""
    try:
        answer = await client.post("/graphql", json={"query": FIRST})
    except httpx.HTTPError:
        return 0
    return int(answer.json()["data"]["searchInstruments"]["totalCount"])


def main() -> None:
    """Print the table and write build/bench-start.json."""
    measured = anyio.run(lines, backend_options={"use_uvloop": True})
    show(measured, title=f"start and memory, {ROWS:,} instruments")
    write_json(BUILD / "bench-start.json", measured, SystemClock().now())


if __name__ == "__main__":
    main()
