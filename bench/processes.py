"""Programs that a benchmark starts: each with a log of its own, waited for, and ended with the block."""

import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import orjson
from anyio.abc import Process

HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
"""Logs and results; ignored by git."""
START_SECONDS = 60.0
END_SECONDS = 5.0
POLL_SECONDS = 0.05
KIB = 1024


class ProgramFailed(Exception):
    """A program did not start, ended early, or did not do its work; the message has the end of its log."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that is running."""

    name: str
    process: Process
    log: Path

    @property
    def resident_bytes(self) -> int:
        """Memory that it holds now; 0 where the system does not tell."""
        return resident_bytes(self.process.pid)

    def failure(self, what: str) -> ProgramFailed:
        """The error that says what went wrong, with the program's last words."""
        return ProgramFailed(f"{self.name}: {what}\n{self.log.read_text(errors='replace')[-2_000:]}")


@asynccontextmanager
async def running(
    name: str, command: Sequence[str], *, env: Mapping[str, str] | None = None, folder: Path = ROOT
) -> AsyncIterator[Program]:
    """The program, started; `env` is all of its environment. Told to end with the block, and killed if it stays."""
    log = BUILD / "bench-logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = await anyio.open_process(
            [*command],
            stdin=None,
            stdout=output,
            stderr=output,
            env={"PATH": sys.exec_prefix, **(env or {})},
            cwd=folder,
        )
        try:
            yield Program(name, process, log)
        finally:
            with anyio.CancelScope(shield=True):
                await _end(process)


async def listening(program: Program, port: int) -> None:
    """Returns when somebody accepts connections there. Raises ProgramFailed if the program ended or took too long."""
    with anyio.move_on_after(START_SECONDS):
        while program.process.returncode is None:
            try:
                async with await anyio.connect_tcp(HOST, port):
                    return
            except OSError:
                await anyio.sleep(POLL_SECONDS)
    what = "it does not listen"
    raise program.failure(what)


async def answer_of(module: str, question: object) -> dict[str, object]:
    """What a load generator measured: JSON goes to its standard input, and JSON comes back. Raises ProgramFailed."""
    done = await anyio.run_process([sys.executable, "-m", module], input=orjson.dumps(question), check=False, cwd=ROOT)
    if done.returncode != 0:
        msg = f"{module} failed: {done.stderr.decode(errors='replace')[-2_000:]}"
        raise ProgramFailed(msg)
    return dict(orjson.loads(done.stdout))


def free_port() -> int:
    """A port that nobody holds at this moment."""
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


def resident_bytes(pid: int) -> int:
    """VmRSS of a process; 0 where there is no /proc."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * KIB for line in status.splitlines() if line.startswith("VmRSS")), 0)


async def _end(process: Process) -> None:
    for insist in (process.terminate, process.kill):
        if process.returncode is None:
            insist()
        with anyio.move_on_after(END_SECONDS):
            await process.wait()
            return
