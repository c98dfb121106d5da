"""The sandbox exchange as a child process, which never outlives us.

`run` opens it. It gets a session of its own, so that Ctrl-C in a terminal reaches us alone, and a pipe as its
stdin: whatever way we end, killed included, the system closes the pipe and the child leaves.
"""

import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
from anyio.abc import Process

from app.commands.ports import LOOPBACK

START_SECONDS = 30.0
"""A sandbox is there within about 2 s; on a busy machine it may take ten times as long."""
POLL_SECONDS = 0.1
LEAVE_SECONDS = 5.0
"""After this an ending child is terminated, and after as long again killed."""


class SandboxFailed(Exception):
    """The sandbox did not come up. The message is for a person."""


@dataclass(frozen=True, slots=True)
class SandboxCommand:
    """What the child is asked to be."""

    port: int
    redirect_url: str
    calendar: str
    session_file: Path
    log_format: str

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def arguments(self) -> Sequence[str]:
        """The command line, run by this very Python."""
        return (
            *(sys.executable, "-m", "app.cli", "sandbox", "--exit-with-parent"),
            *("--port", str(self.port), "--redirect-url", self.redirect_url),
            *("--calendar", self.calendar, "--session-file", str(self.session_file)),
            *("--log-format", self.log_format),
        )


@asynccontextmanager
async def open_sandbox_process(command: SandboxCommand) -> AsyncIterator[Process]:
    """A sandbox that answers; ended when the block ends. Raises SandboxFailed if it does not come up."""
    process = await anyio.open_process(
        command.arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=None, start_new_session=True
    )
    try:
        await _wait_until_it_answers(command, process)
        yield process
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process)


async def _wait_until_it_answers(command: SandboxCommand, process: Process) -> None:
    with anyio.move_on_after(START_SECONDS):
        async with httpx.AsyncClient(base_url=command.url, trust_env=False, timeout=1.0) as client:
            while process.returncode is None:
                if await _answers(client):
                    return
                await anyio.sleep(POLL_SECONDS)
    if process.returncode is None:
        msg = f"the sandbox did not answer at {command.url} within {START_SECONDS:g} s"
    else:
        msg = f"the sandbox ended at once with code {process.returncode}; its own message stands above"
    raise SandboxFailed(msg)


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        answer = await client.get("/sandbox/stats")
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK


async def _end(process: Process) -> None:
    """Ask by closing the pipe, then insist."""
    if process.stdin is not None:
        await process.stdin.aclose()
    for insist in (process.terminate, process.kill):
        with anyio.move_on_after(LEAVE_SECONDS):
            await process.wait()
            return
        insist()
    await process.wait()
