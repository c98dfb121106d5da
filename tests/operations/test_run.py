"""`kite-services run`, as a person starts it: another process, real ports, real signals."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.commands.ports import SANDBOX_OFFSET
from app.runtime import open_store
from app.settings import Settings
from app.store.sessions import SqlSessionStore
from tests.operations.ports import two_free_ports
from tests.support.clock import FixedClock

START_SECONDS = 60
"""It takes three; on a machine that does eight other things, twenty."""


@dataclass
class Copy:
    """A running copy of the whole."""

    process: subprocess.Popen[str]
    environment: dict[str, str]
    log: Path

    @property
    def url(self) -> str:
        """Where the service answers."""
        return f"http://127.0.0.1:{self.environment['SERVICE_PORT']}"

    def greeting(self) -> str:
        """What it printed up to the end of the panel."""
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in self.process.stdout:
            lines.append(line)
            if line.startswith("╰"):
                return "".join(lines)
        message = f"it ended: {self.log.read_text()}"
        raise AssertionError(message)

    def end(self, number: signal.Signals) -> int:
        """Its exit code after a signal."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


def start(folder: Path, **settings: str) -> Copy:
    service, sandbox = two_free_ports()
    ours = {"SERVICE_PORT": str(service), "SANDBOX_PORT": str(sandbox), "DATA_DIR": str(folder / "data")}
    environment = {"PATH": os.defpath, "PYTHONWARNINGS": "error::ResourceWarning", **ours, **settings}
    log = folder / "log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "run"], env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True
        )
    return Copy(process, environment, log)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """One copy for the tests that do not end it."""
    running = start(tmp_path_factory.mktemp("run"), KITE_API_KEY="real-key")
    try:
        running.greeting()
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        assert running.process.stdout is not None
        running.process.stdout.close()


def test_it_is_logged_in_and_answers_with_simulated_prices(copy: Copy) -> None:
    """The first login happened by itself, and every price says where it is from."""
    query = (
        '{ kiteSession { authenticated } quote(id: "NSE:INFY") { source lastPrice } marketPhase { phase calendar } }'
    )
    data: dict[str, dict[str, object]] = {}
    deadline = time.monotonic() + START_SECONDS
    while not data.get("quote") and time.monotonic() < deadline:  # the instrument master may still be on its way
        data = httpx.post(f"{copy.url}/graphql", json={"query": query}, trust_env=False).json()["data"]
    assert data["kiteSession"] == {"authenticated": True}
    assert data["quote"]["source"] == "SANDBOX"
    assert data["marketPhase"]["phase"] == "OPEN"
    assert "simulated" in str(data["marketPhase"]["calendar"])


@pytest.fixture
def neighbour(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of the copy, for a command beside it."""
    monkeypatch.delenv("KITE_API_KEY", raising=False)
    for name, value in copy.environment.items():
        if name not in ("PATH", "KITE_API_KEY", "PYTHONWARNINGS"):
            monkeypatch.setenv(name, value)
    return monkeypatch


def test_a_second_copy_is_told_which_settings_to_change(neighbour: pytest.MonkeyPatch) -> None:
    """Both ports at once, and nothing is started."""
    result = CliRunner().invoke(cli, ["run"])
    assert result.exit_code == 2
    first, second = result.stderr.splitlines()
    assert "set SERVICE_PORT" in first
    assert "set SANDBOX_PORT" in second


def with_sandbox(neighbour: pytest.MonkeyPatch, copy: Copy) -> None:
    root = f"127.0.0.1:{copy.environment['SANDBOX_PORT']}"
    for name, value in {
        "KITE_API_KEY": "sandboxkey",
        "KITE_API_SECRET": "sandboxsecret",
        "KITE_API_URL": f"http://{root}",
        "KITE_TICKER_URL": f"ws://{root}",
    }.items():
        neighbour.setenv(name, value)


def test_the_doctor_finds_it_well(neighbour: pytest.MonkeyPatch, copy: Copy) -> None:
    """Source, data, database, session, service, calendar: all of them looked at, none failed."""
    with_sandbox(neighbour, copy)
    result = CliRunner().invoke(cli, ["doctor"], env={"COLUMNS": "160"})
    assert result.exit_code == 0, result.output
    for found in ("SANDBOX", "migrated", "AB1234", "runs at", "known until 2026-12-31"):
        assert found in result.output
    assert "FAIL" not in result.output


def test_a_sync_says_what_changed(neighbour: pytest.MonkeyPatch, copy: Copy) -> None:
    """Beside a running service, over the same database."""
    with_sandbox(neighbour, copy)
    result = CliRunner().invoke(cli, ["sync"])
    assert result.exit_code == 0, result.output
    assert "gone" in result.stdout


def test_a_real_world_is_never_mixed_with_the_simulated_one(neighbour: pytest.MonkeyPatch) -> None:
    """The database remembers what it holds; the message says what to change."""
    neighbour.setenv("SERVICE_PORT", str(two_free_ports()[0]))
    result = CliRunner().invoke(cli, ["serve"])
    assert result.exit_code == 2
    assert "this database holds simulated data" in result.stderr
    assert "DATA_DIR" in result.stderr


async def saved_token(folder: Path) -> str:
    """The access token of the first login, out of the database that it was sealed in."""
    async with open_store(Settings.model_validate({"data_dir": folder}), FixedClock()) as store:
        grant = await SqlSessionStore(store.database, store.sealer, FixedClock()).load()
    assert grant is not None
    return grant.access_token


def test_ctrl_c_ends_all_of_it_cleanly(tmp_path: Path) -> None:
    """Greeting, code 0, no traceback, no orphan; every line of the log is JSON, and no secret is in it."""
    copy = start(tmp_path, LOG_LEVEL="DEBUG")
    greeting = copy.greeting()
    assert f"{copy.url}/graphql" in greeting
    assert "SANDBOX" in greeting
    assert copy.end(signal.SIGINT) == 0
    assert copy.process.stdout is not None
    copy.process.stdout.close()
    log = copy.log.read_text()
    assert "Traceback" not in log
    assert {json.loads(line)["level"] for line in log.splitlines()} <= {"debug", "info", "warning"}
    assert "kite_session_began" in log
    for secret in ("sandboxsecret", anyio.run(saved_token, tmp_path / "data")):
        assert secret not in log
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{copy.environment['SANDBOX_PORT']}/", trust_env=False)


def test_without_its_sandbox_it_stops_and_says_so(tmp_path: Path) -> None:
    """Prices without a source would only look alive: code 1, and the reason."""
    copy = start(tmp_path)
    copy.greeting()
    children = Path(f"/proc/{copy.process.pid}/task/{copy.process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)
    assert copy.process.wait(timeout=30) == 1
    assert copy.process.stdout is not None
    copy.process.stdout.close()
    assert "error: the sandbox ended by itself with code -9" in copy.log.read_text()


def test_the_offset_leads_from_the_default_port_to_the_documented_one() -> None:
    """8179 and 18179, as the README says."""
    assert SANDBOX_OFFSET + 8_179 == 18_179
