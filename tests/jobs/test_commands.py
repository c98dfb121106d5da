"""The commands `backfill` and `candles` as processes, beside a running service and its sandbox."""

import csv
import io
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from anyio import to_thread
from typer.testing import CliRunner

from app.cli import cli
from app.commands.backfill import INTERRUPTED
from app.commands.running import told_to_others
from tests.support.sandbox import RunningSandbox
from tests.support.service import RunningService, running_pair

CHILD_SECONDS = 60
ENVIRONMENT = {"LOG_FORMAT": "json", "COLUMNS": "150", "PYTHONWARNINGS": "error"}


@dataclass
class Shell:
    """Runs commands as a person in another terminal does: nothing is set but DATA_DIR."""

    service: RunningService
    sandbox: RunningSandbox

    @property
    def environment(self) -> Mapping[str, str]:
        """That of the commands."""
        return ENVIRONMENT | {"DATA_DIR": str(self.service.settings.data_dir)}

    async def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What came of a command."""
        with anyio.fail_after(CHILD_SECONDS):
            done = await anyio.run_process(command(*arguments), check=False, env=self.environment)
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def command(*arguments: str) -> list[str]:
    """The command line, by this very Python."""
    return [sys.executable, "-m", "app.cli", *arguments]


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    """A service that runs in front of a sandbox and left its note, as `run` does."""
    async with running_pair(tmp_path) as (service, sandbox):
        note = told_to_others(service.settings)
        await to_thread.run_sync(note.__enter__)
        yield Shell(service, sandbox)
        await to_thread.run_sync(note.__exit__, None, None, None)


async def test_a_backfill_from_another_terminal_makes_the_service_warm(shell: Shell) -> None:
    """It uses the session of the service; then neither of them asks again."""
    first = await shell.run("backfill", "NSE:INFY", "NSE:TCS", "--from", "2015-06-01")
    assert (first.returncode, first.stderr) == (0, "")
    assert shell.sandbox.count("historical") == 6
    assert "6/6 requests" in first.stdout
    assert first.stdout.count("2015-06-01 to ") == 2
    query = '{ candles(id: "NSE:INFY", interval: WEEK, from: "2015-06-01T00:00:00+05:30") { upstreamCalls problem } }'
    answer = (await shell.service.ask(query))["data"]["candles"]
    assert answer["problem"] is None
    assert shell.sandbox.count("historical") <= 7, "the day that is not over may be asked for once"


async def test_candles_are_exported(shell: Shell) -> None:
    """As many as were asked for, oldest first, and nothing but them on stdout."""
    done = await shell.run("candles", "NSE:INFY", "--interval", "5m", "--last", "100", "--csv")
    assert (done.returncode, done.stderr) == (0, "")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 100
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    assert {row["source"] for row in rows} == {"SANDBOX"}


@pytest.mark.parametrize(
    "arguments", [("candles", "NSE:INFI"), ("backfill", "NSE:INFI", "--from", "2020-01-01")], ids=" ".join
)
async def test_an_error_of_the_service_is_one_line(shell: Shell, arguments: tuple[str, ...]) -> None:
    """On stderr, with its code and its remedy."""
    done = await shell.run(*arguments)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.startswith("error: UNKNOWN_INSTRUMENT: there is no instrument NSE:INFI; did you mean NSE:INFY")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("candles", "NSE:INFY", "--interval", "7m"), "error: --interval 7m: write minute or 1m"),
        (("candles", "NSE:INFY", "--to", "soon"), "error: --to soon: write a date as 2015-01-31"),
        (("candles", "NSE:INFY", "--csv", "--json"), "error: --csv and --json exclude each other"),
        (("backfill", "NSE:INFY", "--from", "soon"), "error: --from soon: write a date as 2015-01-31"),
        (
            ("backfill", "NSE:INFY", "--from", "2999-01-01"),
            "error: `from` 2999-01-01T00:00:00+05:30 lies in the future",
        ),
        (("backfill", *["NSE:INFY"] * 501, "--from", "2020-01-01"), "error: `ids` has 501 entries and at most 500"),
    ],
    ids=["interval", "to", "shapes", "from", "future", "many"],
)
def test_wrong_arguments_are_told_before_anything_is_opened(arguments: tuple[str, ...], line: str) -> None:
    """In one line, with code 2."""
    result = CliRunner().invoke(cli, arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert result.stderr.startswith(line)


async def test_without_a_session_the_way_to_the_login_is_told(shell: Shell) -> None:
    """It is the service where one logs in; the command is to be run again."""
    await shell.sandbox.fault("dead_token")
    done = await shell.run("backfill", "NSE:SBIN", "--from", "2020-01-01")
    assert done.returncode == 1
    assert done.stderr.startswith("error: LOGIN_REQUIRED: ")
    assert done.stderr.endswith(f"log in at {shell.service.url}/auth/kite/login, then run this again\n")


async def test_ctrl_c_keeps_what_came_and_says_so(shell: Shell) -> None:
    """Code 130, no traceback; the closing table tells how much is to go."""
    arguments = command("backfill", "NSE:INFY", "--interval", "30m", "--from", "2015-06-01")
    process = await anyio.open_process(arguments, env=shell.environment)
    try:
        with anyio.fail_after(CHILD_SECONDS):
            while shell.sandbox.count("historical") < 2:  # noqa: ASYNC110 - seen from outside
                await anyio.sleep(0.01)
            process.send_signal(signal.SIGINT)
            assert process.stdout is not None
            assert process.stderr is not None
            told = b"".join([chunk async for chunk in process.stdout]).decode()
            failed = b"".join([chunk async for chunk in process.stderr]).decode()
            assert await process.wait() == INTERRUPTED
    finally:
        if process.returncode is None:
            process.kill()
        await process.aclose()
    assert failed == ""
    assert "Stopped. What is stored stays" in told
    assert "MINUTE_30 bars stored" in told


async def test_without_a_service_and_a_key_there_is_no_source(tmp_path: Path) -> None:
    """Told with both remedies."""
    with anyio.fail_after(CHILD_SECONDS):
        done = await anyio.run_process(
            command("candles", "NSE:INFY"), check=False, env=ENVIRONMENT | {"DATA_DIR": str(tmp_path)}
        )
    assert done.returncode == 2
    assert b"start `kite-services run` in another terminal" in done.stderr
