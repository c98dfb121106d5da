"""Node, where it is present: the npm packages of tests/js, installed once, and a runner of scripts there."""

import functools
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

JS = Path(__file__).resolve().parent.parent / "js"
INSTALL_SECONDS = 180
RUN_SECONDS = 60


@dataclass(frozen=True)
class Node:
    """Runs the scripts of tests/js."""

    binary: str

    async def run(self, script: str, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """What a script printed; its error output is the test's failure."""
        command = [self.binary, str(JS / script), *arguments]
        with anyio.fail_after(RUN_SECONDS):
            done = await anyio.run_process(command, check=False, cwd=JS, env=env)
        assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
        return done.stdout.decode()


@functools.cache
def find_node() -> Node | None:
    """Node with the locked packages, installed if need be; None where there is no Node, or nowhere to get them from.

    A conftest leaves its Node tests out with it: `collect_ignore = [] if find_node() else ["test_clients.py"]`.
    """
    binary, npm = shutil.which("node"), shutil.which("npm")
    if binary is None or npm is None:
        return None
    lock, stamp = JS / "package-lock.json", JS / "node_modules" / ".package-lock.json"
    if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=JS, capture_output=True, timeout=INSTALL_SECONDS, check=False)  # noqa: S603 - fixed words
        if done.returncode != 0:
            return None
    return Node(binary)


@pytest.fixture(scope="session")
def node() -> Node:
    """Node, for tests that are collected only where it is present."""
    found = find_node()
    assert found is not None
    return found
