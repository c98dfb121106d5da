"""The sandbox as a child process: it comes up, it leaves with us whatever happens to us, and its loss is seen."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import anyio
import httpx
import pytest

from app.commands.child import SandboxCommand, SandboxFailed, open_sandbox_process
from tests.support.patience import PATIENCE

PARENT = """
import anyio, sys
from pathlib import Path
from app.commands.child import SandboxCommand, open_sandbox_process

async def main():
    command = SandboxCommand(int(sys.argv[1]), "http://127.0.0.1:1/cb", "always-open", Path(sys.argv[2]), "json")
    async with open_sandbox_process(command) as process:
        print(process.pid, flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


def command(port: int, folder: Path) -> SandboxCommand:
    return SandboxCommand(port, "http://127.0.0.1:1/auth/kite/callback", "always-open", folder / "s.json", "json")


async def test_it_answers_while_the_block_lasts_and_is_gone_after(free_port: int, tmp_path: Path) -> None:
    """Its own session, so that Ctrl-C in a terminal does not reach it; code 0 at the end."""
    asked = command(free_port, tmp_path)
    async with open_sandbox_process(asked) as process:
        assert os.getsid(process.pid) == process.pid
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"{asked.url}/sandbox/stats")
        assert answer.json()["status"] == "success"
    assert process.returncode == 0


async def test_a_port_in_use_is_a_clear_failure(free_port: int, tmp_path: Path) -> None:
    """The child's own message says which; ours says that it ended."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=free_port)
    async with listener:
        with pytest.raises(SandboxFailed, match="ended at once with code 2"):
            async with open_sandbox_process(command(free_port, tmp_path)):
                raise AssertionError


async def test_its_loss_can_be_awaited(free_port: int, tmp_path: Path) -> None:
    """`run` stops the server then."""
    async with open_sandbox_process(command(free_port, tmp_path)) as process:
        process.kill()
        with anyio.fail_after(PATIENCE):
            assert await process.wait() == -signal.SIGKILL


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_leaves_when_we_are_killed(free_port: int, tmp_path: Path) -> None:
    """No code of ours runs then: the system closes the pipe, and the child sees its end."""
    arguments = [sys.executable, "-c", PARENT, str(free_port), str(tmp_path / "s.json")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as parent:  # noqa: S603 # our own
        assert parent.stdout is not None
        assert int(parent.stdout.readline()) > 0
        assert answers(free_port)
        parent.kill()
    deadline = time.monotonic() + 10
    while answers(free_port) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not answers(free_port)
