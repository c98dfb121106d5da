"""Node, where it is present: the npm packages of tests/js, installed once, and a runner of scripts there.

A conftest with Node tests leaves them out where there is no Node: `collect_ignore = [] if find_node() else [...]`, and
tests/conftest.py says so at the end of the run. Where there is Node, packages that cannot be installed fail the tests.
"""

import fcntl
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

JS = Path(__file__).resolve().parent.parent / "js"
INSTALL_SECONDS = 180
RUN_SECONDS = 60
LINE_SECONDS = 30.0
"""A retry of a client takes up to 3 s, and machines under test are busy."""
MAX_LINE_BYTES = 1_000_000
ABSENT = "Node and npm are not both here: the tests with JavaScript clients and the 61 audits were not collected"


class ScriptFailed(AssertionError):
    """A script ended with a code that is not 0, or before it had said everything; its error output is the message."""


class Script:
    """A script that is running. It talks in lines of JSON on its standard output."""

    def __init__(self, process: Process) -> None:
        assert process.stdout is not None
        self._process = process
        self._lines = BufferedByteReceiveStream(process.stdout)

    async def next(self) -> Any:
        """What the next line says. Raises ScriptFailed when there is none, TimeoutError when none comes."""
        with anyio.fail_after(LINE_SECONDS):
            try:
                line = await self._lines.receive_until(b"\n", MAX_LINE_BYTES)
            except (anyio.EndOfStream, anyio.IncompleteRead):
                raise ScriptFailed(await self._complaint()) from None
        return json.loads(line)

    async def until(self, event: str) -> Any:
        """The first of the next lines whose `event` is this one."""
        while (line := await self.next())["event"] != event:
            pass
        return line

    async def _complaint(self) -> str:
        stderr = self._process.stderr
        text = b"" if stderr is None else b"".join([chunk async for chunk in stderr])
        return f"the script ended with code {await self._process.wait()}: {text.decode()}"


@dataclass(frozen=True)
class Node:
    """Runs the scripts of tests/js."""

    binary: str

    async def run(self, script: str, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """What a script printed; its error output is the test's failure."""
        command = [self.binary, str(JS / script), *arguments]
        with anyio.fail_after(RUN_SECONDS):
            done = await anyio.run_process(command, check=False, cwd=JS, env=env)
        if done.returncode != 0:
            raise ScriptFailed(done.stderr.decode() + done.stdout.decode())
        return done.stdout.decode()

    @asynccontextmanager
    async def start(self, script: str, *arguments: str, env: Mapping[str, str] | None = None) -> AsyncIterator[Script]:
        """A script that runs beside the test, to be listened to; stopped at the end, should it still run."""
        command = [self.binary, str(JS / script), *arguments]
        async with await anyio.open_process(command, cwd=JS, env=env) as process:
            try:
                yield Script(process)
            finally:
                if process.returncode is None:
                    process.kill()


def find_node() -> Node | None:
    """Node, its packages not yet installed; None where Node or npm is missing."""
    binary, npm = shutil.which("node"), shutil.which("npm")
    return None if binary is None or npm is None else Node(binary)


def install_packages(folder: Path = JS) -> None:
    """Brings `node_modules` to what the lock file says. Fails the test with npm's own words if it cannot.

    Workers that come at the same time wait for the first.
    """
    lock = folder / "package-lock.json"
    with lock.open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        stamp = folder / "node_modules" / ".package-lock.json"
        if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
            _install(folder)


def _install(folder: Path) -> None:
    npm = shutil.which("npm")
    assert npm is not None
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as late:
        pytest.fail(f"npm ci did not end in {INSTALL_SECONDS} s\n{_text(late.stdout)}{_text(late.stderr)}")
    if done.returncode != 0:
        pytest.fail(f"npm ci failed in {folder} with code {done.returncode}\n{done.stdout}{done.stderr}", pytrace=False)


def _text(output: bytes | str | None) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


@pytest.fixture(scope="session")
def node() -> Node:
    """Node, for tests that are collected only where it is present."""
    found = find_node()
    assert found is not None
    install_packages()
    return found
