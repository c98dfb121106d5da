"""The commands `backfill` and `candles` as processes: beside a running service, which does the work, and alone."""

import csv
import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import orjson
import pytest
from anyio import to_thread
from anyio.abc import Process
from typer.testing import CliRunner

from app.cli import cli
from app.commands.following import INTERRUPTED
from app.commands.running import told_to_others
from tests.support.sandbox import RunningSandbox
from tests.support.service import RunningService, free_port, running_pair, running_service, sandbox_for

CHILD_SECONDS = 60
ENVIRONMENT = {"LOG_FORMAT": "json", "COLUMNS": "150", "PYTHONWARNINGS": "error"}


@dataclass
class Shell:
    """Runs commands as a person in another terminal does: nothing is set but DATA_DIR."""

    service: RunningService
    sandbox: RunningSandbox
    source: Mapping[str, str] = field(default_factory=dict)
    """What else is set."""

    @property
    def environment(self) -> Mapping[str, str]:
        """That of the commands."""
        return {**ENVIRONMENT, "DATA_DIR": str(self.service.settings.data_dir), **self.source}

    async def jobs(self) -> list[tuple[str, str]]:
        """Kind and state of what the service did, the newest first."""
        found = (await self.service.ask("{ jobs(first: 10) { kind state } }"))["data"]["jobs"]
        return [(job["kind"], job["state"]) for job in found]

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


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Shell]:
    """A service that left no note, and a terminal that has its settings: commands work for themselves."""
    async with running_pair(tmp_path) as (service, sandbox):
        yield Shell(
            service,
            sandbox,
            {
                "KITE_API_KEY": sandbox.api_key,
                "KITE_API_URL": sandbox.url,
                "KITE_LOGIN_URL": sandbox.login_url,
                "KITE_TICKER_URL": sandbox.ticker_url,
                "SERVICE_PORT": str(service.settings.service_port),
                "CALENDAR": "always-open",
            },
        )


async def test_a_backfill_is_a_job_of_the_service_that_runs(shell: Shell) -> None:
    """So it has no request budget of its own, and stands behind the service's users."""
    done = await shell.run("backfill", "NSE:INFY", "--from", "2015-06-01")
    assert (done.returncode, done.stderr) == (0, "")
    assert await shell.jobs() == [("CANDLE_BACKFILL", "SUCCEEDED")]
    assert "DAY bars of NSE:INFY are stored, 2015-06-01 00:00 to " in done.stdout


async def test_two_backfills_at_once_are_one_after_the_other(shell: Shell) -> None:
    """Within one budget: the exchange refuses nothing, and both end well."""
    ended: list[subprocess.CompletedProcess[str]] = []

    async def fill(instrument: str) -> None:
        ended.append(await shell.run("backfill", instrument, "--interval", "hour", "--from", "2020-01-01"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fill, "NSE:INFY")
        tasks.start_soon(fill, "NSE:TCS")
    assert [(done.returncode, done.stderr) for done in ended] == [(0, "")] * 2
    assert await shell.jobs() == [("CANDLE_BACKFILL", "SUCCEEDED")] * 2
    assert shell.sandbox.parts.traffic.by_status[429] == 0


async def test_a_sync_is_done_by_the_service_that_runs(shell: Shell) -> None:
    """Which takes the master into use at once."""
    done = await shell.run("sync")
    assert (done.returncode, done.stderr) == (0, "")
    assert " added, " in done.stdout
    assert await shell.jobs() == [("INSTRUMENT_SYNC", "SUCCEEDED")]


async def test_without_a_service_the_command_does_the_work(alone: Shell) -> None:
    """With the session of the service that was."""
    done = await alone.run("backfill", "NSE:INFY", "--from", "2015-06-01")
    assert (done.returncode, done.stderr) == (0, "")
    assert "3/3 requests" in done.stdout
    assert await alone.jobs() == []


async def test_a_service_that_goes_away_keeps_the_job(tmp_path: Path) -> None:
    """The command says so, with code 1; the job goes on when there is a service again."""
    port = free_port()
    async with sandbox_for(port) as sandbox, AsyncExitStack() as away:
        async with running_service(sandbox, tmp_path, port=port) as service:
            shell = Shell(service, sandbox)
            note = told_to_others(service.settings)
            await to_thread.run_sync(note.__enter__)
            process = await anyio.open_process(
                command("backfill", "NSE:INFY", "--interval", "30m", "--from", "2015-06-01"), env=shell.environment
            )
            away.push_async_callback(ended, process)
            await until_requested(sandbox, 2)
            await to_thread.run_sync(note.__exit__, None, None, None)
        told, failed = await output(process)
        assert await process.wait() == 1
        assert "goes on when the service is started again" in failed
        assert "MINUTE_30 bars stored" in told, "what came is in the store"
        async with running_service(sandbox, tmp_path, port=port) as service:
            with anyio.fail_after(CHILD_SECONDS):
                while await Shell(service, sandbox).jobs() != [("CANDLE_BACKFILL", "SUCCEEDED")]:  # noqa: ASYNC110
                    await anyio.sleep(0.05)


async def test_a_backfill_from_another_terminal_makes_the_service_warm(shell: Shell) -> None:
    """Neither of them asks again."""
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


async def test_an_export_may_be_longer_than_an_answer(shell: Shell) -> None:
    """In pages: each bar once and in order, as many as were asked for, also where there are fewer in all."""
    done = await shell.run("candles", "NSE:INFY", "--interval", "1m", "--last", "45000", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    series = orjson.loads(done.stdout)
    times = [bar["epochSeconds"] for bar in series["candles"]]
    assert series["count"] == len(times) == series["sources"][0]["candles"] == 45_000
    assert times == list(range(times[0], times[0] + 45_000 * 60, 60)), "its market is always open"
    few = await shell.run("candles", "NSE:INFY", "--interval", "month", "--last", "25000", "--csv")
    assert (few.returncode, few.stderr) == (0, "")


@pytest.mark.parametrize("shape", [["--csv"], ["--json"], []], ids=["csv", "json", "table"])
async def test_bars_that_cannot_be_written_are_told_in_a_line(shell: Shell, shape: list[str]) -> None:
    """With code 1, where the disk is full."""
    async with await anyio.open_file("/dev/full", "wb") as full:
        done = await anyio.run_process(
            command("candles", "NSE:INFY", *shape), check=False, env=shell.environment, stdout=full.wrapped
        )
    assert (done.returncode, done.stderr) == (1, b"error: the bars could not be written: No space left on device\n")


@pytest.mark.parametrize("shape", [["--csv"], ["--json"], []], ids=["csv", "json", "table"])
async def test_a_reader_who_has_seen_enough_ends_it_quietly(shell: Shell, shape: list[str]) -> None:
    """As `head` does: nothing on stderr."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = await anyio.run_process(
            command("candles", "NSE:INFY", *shape), check=False, env=shell.environment, stdout=writer
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


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
        (("candles", "NSE:INFY", "--last", "50001"), "error: --last 50001: ask for 1 to 50000 bars"),
        (("candles", "NSE:INFY", "--to", "soon"), "error: --to soon: write a date as 2015-01-31"),
        (("candles", "NSE:INFY", "--csv", "--json"), "error: --csv and --json exclude each other"),
        (("backfill", "NSE:INFY", "--from", "soon"), "error: --from soon: write a date as 2015-01-31"),
        (
            ("backfill", "NSE:INFY", "--from", "2999-01-01"),
            "error: `from` 2999-01-01T00:00:00+05:30 lies in the future",
        ),
        (("backfill", *["NSE:INFY"] * 501, "--from", "2020-01-01"), "error: `ids` has 501 entries and at most 500"),
    ],
    ids=["interval", "last", "to", "shapes", "from", "future", "many"],
)
def test_wrong_arguments_are_told_before_anything_is_opened(arguments: tuple[str, ...], line: str) -> None:
    """In one line, with code 2."""
    result = CliRunner().invoke(cli, arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert result.stderr.startswith(line)


async def test_without_a_session_the_way_to_the_login_is_told(alone: Shell) -> None:
    """It is the service where one logs in; the command is to be run again."""
    await alone.sandbox.fault("dead_token")
    done = await alone.run("backfill", "NSE:SBIN", "--from", "2020-01-01")
    assert done.returncode == 1
    assert done.stderr.startswith("error: LOGIN_REQUIRED: ")
    assert done.stderr.endswith(f"log in at {alone.service.url}/auth/kite/login, then run this again\n")


async def test_the_service_waits_for_a_login_and_the_command_says_where(shell: Shell) -> None:
    """The whole link, in a line of its own; after the login it goes on by itself."""
    await shell.sandbox.fault("dead_token")
    process = await anyio.open_process(
        command("backfill", "NSE:SBIN", "--from", "2020-01-01"), env={**shell.environment, "COLUMNS": "60"}
    )
    told = ""
    try:
        assert process.stdout is not None
        with anyio.fail_after(CHILD_SECONDS):
            while f"open {shell.service.url}/auth/kite/login\n" not in told:
                told += (await process.stdout.receive()).decode()
        await shell.service.log_in()
        assert await process.wait() == 0
    finally:
        await ended(process)


async def ended(process: Process) -> None:
    """Nothing of it is left."""
    if process.returncode is None:
        process.kill()
    await process.aclose()


async def output(process: Process) -> tuple[str, str]:
    """All that it says until its end, on stdout and on stderr."""
    assert process.stdout is not None
    assert process.stderr is not None
    with anyio.fail_after(CHILD_SECONDS):
        told = b"".join([chunk async for chunk in process.stdout]).decode()
        return told, b"".join([chunk async for chunk in process.stderr]).decode()


async def until_requested(sandbox: RunningSandbox, count: int) -> None:
    """The exchange has seen so many requests for history."""
    with anyio.fail_after(CHILD_SECONDS):
        while sandbox.count("historical") < count:  # noqa: ASYNC110 - seen from outside
            await anyio.sleep(0.01)


async def interrupted(shell: Shell) -> str:
    """What a command says that Ctrl-C ends half way."""
    arguments = command("backfill", "NSE:INFY", "--interval", "30m", "--from", "2015-06-01")
    process = await anyio.open_process(arguments, env=shell.environment)
    try:
        await until_requested(shell.sandbox, 2)
        process.send_signal(signal.SIGINT)
        told, failed = await output(process)
        assert (await process.wait(), failed) == (INTERRUPTED, "")
    finally:
        await ended(process)
    assert "Stopped. What is stored stays" in told
    assert "MINUTE_30 bars stored" in told
    return told


async def test_ctrl_c_keeps_what_came_and_says_so(alone: Shell) -> None:
    """Code 130, no traceback; the closing table tells how much is to go."""
    await interrupted(alone)


async def test_ctrl_c_cancels_the_job_of_the_service(shell: Shell) -> None:
    """And says so: nothing goes on behind the back of who stopped it."""
    assert "The service cancelled its job" in await interrupted(shell)
    assert await shell.jobs() == [("CANDLE_BACKFILL", "CANCELLED")]


async def test_without_a_service_and_a_key_there_is_no_source(tmp_path: Path) -> None:
    """Told with both remedies."""
    with anyio.fail_after(CHILD_SECONDS):
        done = await anyio.run_process(
            command("candles", "NSE:INFY"), check=False, env=ENVIRONMENT | {"DATA_DIR": str(tmp_path)}
        )
    assert done.returncode == 2
    assert b"start `kite-services run` in another terminal" in done.stderr
