"""`kite-services sandbox`: the simulated exchange alone, until SIGTERM, Ctrl-C, or the end of who started it."""

import os
import signal
import sys

import anyio

from app.clock import SystemClock
from app.sandbox.serve import run_sandbox
from app.sandbox.settings import SandboxSettings

CHUNK_BYTES = 4_096
"""Whatever the parent might write is read and dropped."""


def sandbox(settings: SandboxSettings, *, port: int, exit_with_parent: bool) -> None:
    """Returns when the sandbox has ended. Raises OSError if the port is taken."""
    anyio.run(_serve, settings, port, exit_with_parent, backend_options={"use_uvloop": True})


async def _serve(settings: SandboxSettings, port: int, exit_with_parent: bool) -> None:  # noqa: FBT001 # anyio.run passes by position
    async with anyio.create_task_group() as tasks:
        if exit_with_parent:
            tasks.start_soon(_leave_with_parent)
        await run_sandbox(settings, clock=SystemClock(), port=port)
        tasks.cancel_scope.cancel()


async def _leave_with_parent() -> None:
    """The system closes the pipe at our stdin when the parent ends, even if it was killed. Then end as if told to."""
    descriptor = sys.stdin.fileno()
    while True:
        await anyio.wait_readable(descriptor)
        if not os.read(descriptor, CHUNK_BYTES):
            signal.raise_signal(signal.SIGTERM)
            return
