"""Commands as processes where there is a Yahoo: beside a service with both sources, and with Yahoo alone."""

import csv
import io
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest
from anyio import to_thread

from app.commands.running import told_to_others
from tests.jobs.test_commands import CHILD_SECONDS, ENVIRONMENT, Shell, command
from tests.support.sandbox import RunningSandbox, running_sandbox
from tests.support.service import free_port, running_pair

SPX = "YAHOO:^GSPC"
NOWHERE = "http://127.0.0.1:1"
"""A Kite that nobody reaches."""


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    """A service with both sources, which left its note as `run` does."""
    async with running_pair(tmp_path, yahoo=True) as (service, sandbox):
        note = told_to_others(service.settings)
        await to_thread.run_sync(note.__enter__)
        yield Shell(service, sandbox)
        await to_thread.run_sync(note.__exit__, None, None, None)


async def test_world_symbols_are_exported_and_filled_in(shell: Shell) -> None:
    """By Yahoo alone; what one command stored neither the next nor the service asks for again."""
    filled = await shell.run("backfill", SPX, "--from", "2015-06-01")
    assert (filled.returncode, filled.stderr) == (0, "")
    assert "1/1 requests" in filled.stdout
    assert "2015-06-01 to " in filled.stdout
    done = await shell.run("candles", SPX, "--from", "2020-01-01", "--to", "2020-03-01", "--csv")
    assert (done.returncode, done.stderr) == (0, "")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) > 30
    assert {row["source"] for row in rows} == {"SANDBOX"}
    span = 'from: "2020-01-01T00:00:00Z", to: "2020-03-01T00:00:00Z"'
    answer = await shell.service.ask(
        f'{{ candles(id: "{SPX}", interval: DAY, {span}) {{ upstreamCalls count fallbackReason }} }}'
    )
    assert answer["data"]["candles"] == {"upstreamCalls": 0, "count": len(rows), "fallbackReason": None}
    assert shell.sandbox.count("historical") == 0


async def test_without_a_login_the_bars_are_yahoos_and_it_says_so(shell: Shell) -> None:
    """The bars on stdout, the reason on stderr."""
    await shell.sandbox.fault("dead_token")
    done = await shell.run("candles", "NSE:INFY", "--last", "5", "--csv")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("note: another source answered, because of KITE: LOGIN_REQUIRED: ")
    assert len(done.stdout.splitlines()) == 1 + 5


async def test_index_members_are_imported_and_listed(shell: Shell) -> None:
    """The running service answers with the new list, by date; a wrong file changes nothing."""
    file = shell.service.settings.data_dir / "ind_niftytest.csv"
    table = (
        "Company Name,Industry,Symbol,Series,ISIN Code\nInfosys Ltd.,IT,INFY,EQ,INE009A01021\nNo One,IT,NOONE,EQ,X\n"
    )
    await anyio.Path(file).write_text(table)
    done = await shell.run("indices", "import", str(file), "--index", "NSE:NIFTY IT", "--from", "2026-09-30")
    assert (done.returncode, done.stderr) == (0, "")
    assert "NSE:NIFTY IT: 2 members from 2026-09-30 on, stored." in done.stdout
    assert "Not in the instrument master: NSE:NOONE." in " ".join(done.stdout.split())
    question = '{ indexConstituents(index: "NSE:NIFTY IT", asOf: "2026-10-01") { id } }'
    answer = await shell.service.ask(question)
    assert answer["data"]["indexConstituents"] == [{"id": "NSE:INFY"}, {"id": "NSE:NOONE"}]
    again = await shell.run("indices", "import", str(file), "--index", "NSE:NIFTY IT", "--from", "2026-09-30")
    assert "replaced." in again.stdout
    listed = await shell.run("indices", "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    (row,) = (line for line in listed.stdout.splitlines() if "NSE:NIFTY IT " in line and "2026-09-30" in line)
    assert "ind_niftytest.csv" in row
    for text, fault in (("Symbol\n", "error: "), ("<html>", "error: ")):
        await anyio.Path(file).write_text(text)
        wrong = await shell.run("indices", "import", str(file), "--index", "NSE:NIFTY IT", "--from", "2026-10-31")
        assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1), wrong.stderr
        assert wrong.stderr.startswith(fault)
    assert (await shell.run("indices", "list")).stdout == listed.stdout


async def test_an_import_that_was_wrong_is_noticed_and_undone(shell: Shell) -> None:
    """What is no index is refused; a list of the future says so, and can be removed."""
    file = shell.service.settings.data_dir / "list.csv"
    await anyio.Path(file).write_text("Symbol\nINFY\n")
    wrong = await shell.run("indices", "import", str(file), "--index", "NSE:NIFTI IT", "--from", "2026-09-30")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "error: --index: the instrument master has no index NSE:NIFTI IT; did you mean NSE:NIFTY IT" in wrong.stderr
    share = await shell.run("indices", "import", str(file), "--index", "NSE:INFY", "--from", "2026-09-30")
    assert (share.returncode, share.stderr) == (2, "error: --index: NSE:INFY is no index, it is EQUITY\n")
    nifty = ("--index", "NSE:NIFTY 50", "--from", "2099-01-01")
    late = await shell.run("indices", "import", str(file), *nifty)
    assert (late.returncode, late.stderr) == (0, "")
    told = " ".join(late.stdout.split())
    assert "It counts from that day on; until then the one of 2026-03-30 does." in told
    assert "not yet" in (await shell.run("indices", "list")).stdout
    gone = await shell.run("indices", "remove", *nifty)
    assert (gone.returncode, gone.stderr) == (0, "")
    assert "is removed; today the list of 2026-03-30 counts." in " ".join(gone.stdout.split())
    again = await shell.run("indices", "remove", *nifty)
    assert again.returncode == 2
    assert again.stderr.startswith("error: there is no imported list of NSE:NIFTY 50 from 2099-01-01 on")
    answer = await shell.service.ask('{ indexConstituents(index: "NSE:NOPE") { id } }')
    assert answer["errors"][0]["extensions"]["code"] == "UNKNOWN_INSTRUMENT"


async def test_without_a_master_the_import_says_that_nothing_was_checked(tmp_path: Path) -> None:
    """And what to do about it."""
    file = tmp_path / "list.csv"
    await anyio.Path(file).write_text("Symbol\nINFY\n")
    arguments = command("indices", "import", str(file), "--index", "NSE:NO SUCH INDEX", "--from", "2026-09-30")
    with anyio.fail_after(CHILD_SECONDS):
        done = await anyio.run_process(arguments, check=False, env=ENVIRONMENT | {"DATA_DIR": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"neither the index nor its members could be checked" in done.stdout


@pytest.fixture
async def yahoo() -> AsyncIterator[RunningSandbox]:
    """A sandbox that is used as Yahoo alone."""
    async with running_sandbox() as sandbox:
        yield sandbox


def alone(sandbox: RunningSandbox, folder: Path) -> dict[str, str]:
    """The environment of a service without a Kite."""
    return ENVIRONMENT | {
        "DATA_DIR": str(folder),
        "KITE_API_URL": NOWHERE,
        "YAHOO_API_URL": sandbox.url,
        "YAHOO_STREAM_URL": sandbox.yahoo_stream_url,
        "CALENDAR": "always-open",
    }


@asynccontextmanager
async def serving(environment: Mapping[str, str], port: int) -> AsyncIterator[httpx.AsyncClient]:
    """`serve` as a process that takes requests; at the end it is told to leave, and does so in order."""
    process = await anyio.open_process(
        command("serve"), env={**environment, "SERVICE_PORT": str(port)}, stdout=None, stderr=None
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
            with anyio.fail_after(CHILD_SECONDS):
                while not await is_live(client):  # noqa: ASYNC110 - seen from outside
                    await anyio.sleep(0.05)
            yield client
        process.send_signal(signal.SIGTERM)
        with anyio.fail_after(CHILD_SECONDS):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.aclose()


async def is_live(client: httpx.AsyncClient) -> bool:
    """Whether the server takes requests."""
    try:
        return (await client.get("/health/live")).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


async def test_a_service_without_kite_lives_on_yahoo_alone(yahoo: RunningSandbox, tmp_path: Path) -> None:
    """World symbols, and Indian ones by their ids although there is no master; the database is marked as simulated."""
    environment = alone(yahoo, tmp_path)
    quotes = '{ world: quote(id: "YAHOO:^GSPC") { lastPrice source } infy: quote(id: "NSE:INFY") { lastPrice source } }'
    bars = '{ candles(id: "NSE:INFY", interval: DAY, last: 3) { count sources { source } fallbackReason problem } }'
    async with serving(environment, free_port()) as client:
        priced = (await client.post("/graphql", json={"query": quotes})).json()
        chart = (await client.post("/graphql", json={"query": bars})).json()
        providers = (await client.post("/graphql", json={"query": "{ providers { name state } }"})).json()
        with anyio.fail_after(CHILD_SECONDS):
            beside = ENVIRONMENT | {"DATA_DIR": str(tmp_path)}
            filled = await anyio.run_process(command("backfill", SPX, "--from", "2020-01-01"), check=False, env=beside)
        jobs = (await client.post("/graphql", json={"query": "{ jobs(first: 2) { state } }"})).json()
    assert "errors" not in priced, priced
    assert {each["source"] for each in priced["data"].values()} == {"SANDBOX"}
    assert chart["data"]["candles"]["count"] == 3
    assert chart["data"]["candles"]["sources"] == [{"source": "SANDBOX"}]
    states = {each["name"]: each["state"] for each in providers["data"]["providers"]}
    assert states["KITE"] == "DISABLED"
    assert (filled.returncode, filled.stderr) == (0, b""), "`serve` leaves its note too"
    assert b"DAY bars stored" in filled.stdout
    assert jobs["data"]["jobs"] == [{"state": "SUCCEEDED"}]

    with anyio.fail_after(CHILD_SECONDS):
        done = await anyio.run_process(command("candles", SPX, "--last", "2", "--csv"), check=False, env=environment)
        real = {name: value for name, value in environment.items() if not name.startswith("YAHOO")}
        mixed = await anyio.run_process(command("serve"), check=False, env=real | {"SERVICE_PORT": str(free_port())})
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 3), done.stderr
    assert mixed.returncode == 2
    assert b"this database holds simulated data and the source is" in mixed.stderr
