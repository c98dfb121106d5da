"""`kite-services run`: a sandbox exchange and the server in front of it, logged in, with one command.

What `make run` starts. Settings come in; real KITE_* settings among them are left alone and said to be.
Ctrl-C, SIGTERM, a dead sandbox and a server that does not start all end both.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
import typer
from anyio.abc import Process
from pydantic import SecretStr
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from app.commands.alone import alone_on_data
from app.commands.child import SandboxCommand, SandboxFailed, open_sandbox_process
from app.commands.first_login import GRAPHQL_PATH, LoginFailed, log_in
from app.commands.ports import LOOPBACK, port_fault, sandbox_port
from app.commands.running import told_to_others
from app.commands.serving import Service, listen, prepare, until_signal
from app.commands.start import FAILED, effective_format, load_settings, refuse, start_logs
from app.http.login import CALLBACK_PATH, LOGIN_PATH
from app.main import create_app
from app.sandbox.settings import DEFAULT_API_KEY, DEFAULT_API_SECRET
from app.settings import Settings

READY_PATH = "/health/ready"
READY_SECONDS = 15.0
"""The sandbox's master takes a second; what takes longer than this is told, not waited for."""
POLL_SECONDS = 0.1
ALWAYS_OPEN = "always-open"
CALENDARS = (ALWAYS_OPEN, "indian")
REPLACED = (
    "kite_api_key", "kite_api_secret", "kite_api_url", "kite_login_url", "kite_ticker_url", "yahoo_api_url",
    "yahoo_stream_url",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be started."""

    settings: Settings
    """The server's, led to the sandbox."""
    sandbox: SandboxCommand
    ignored: Sequence[str]
    """Settings of a real Kite account that are not used."""


def run() -> None:
    """Returns after Ctrl-C or SIGTERM; else the command ends with a code that is not 0."""
    settings = load_settings()
    secrets = start_logs(settings, interactive=True)
    plan = make_plan(settings)
    check_ports(plan)
    console = Console()
    if plan.ignored:
        console.print(f"[yellow]The sandbox takes the place of Kite and Yahoo:[/] {', '.join(plan.ignored)} not used.")
    prepare(plan.settings)
    with alone_on_data(plan.settings), told_to_others(plan.settings):
        service = Service(plan.settings, create_app(plan.settings, secrets=secrets), listen(plan.settings))
        ended_well = anyio.run(_run, plan, service, console, backend_options={"use_uvloop": True})
    if not ended_well:
        raise typer.Exit(FAILED)


def make_plan(settings: Settings) -> Plan:
    """The plan of these settings; or the command ends, because the sandbox has no calendar of that name."""
    calendar = settings.calendar if "calendar" in settings.model_fields_set else ALWAYS_OPEN
    if calendar not in CALENDARS:
        refuse(f"CALENDAR={calendar}: the sandbox knows {' and '.join(CALENDARS)}; unset it or use one of them")
    sandbox = SandboxCommand(
        port=sandbox_port(settings),
        redirect_url=settings.base_url + CALLBACK_PATH,
        calendar=calendar,
        session_file=settings.data_dir / Path("sandbox", "sessions.json"),
        log_format=effective_format(settings, interactive=True),
    )
    led = settings.model_copy(
        update={
            "kite_api_key": DEFAULT_API_KEY,
            "kite_api_secret": SecretStr(DEFAULT_API_SECRET),
            "kite_api_url": sandbox.url,
            "kite_login_url": f"{sandbox.url}/connect/login",
            "kite_ticker_url": f"ws://{LOOPBACK}:{sandbox.port}",
            "yahoo_api_url": sandbox.url,
            "yahoo_stream_url": f"ws://{LOOPBACK}:{sandbox.port}/streamer",
            "calendar": calendar,
        }
    )
    ignored = [name.upper() for name in REPLACED if name in settings.model_fields_set]
    return Plan(led, sandbox, ignored)


def check_ports(plan: Plan) -> None:
    """Returns if both ports are free; else the command ends and names the setting of each that is not."""
    wanted = [
        (plan.settings.service_host, plan.settings.service_port, "SERVICE_PORT"),
        (LOOPBACK, plan.sandbox.port, "SANDBOX_PORT"),
    ]
    if plan.settings.service_port == plan.sandbox.port:
        refuse(f"SANDBOX_PORT={plan.sandbox.port} is SERVICE_PORT too: give the sandbox a port of its own")
    faults = [fault for host, port, setting in wanted if (fault := port_fault(host, port, setting))]
    if faults:
        refuse(*faults)


async def _run(plan: Plan, service: Service, console: Console) -> bool:
    both = Both(plan, service, console)
    return await until_signal(both.run, both.stop)


class Both:
    """The sandbox process and the service in this one, for as long as both run."""

    def __init__(self, plan: Plan, service: Service, console: Console) -> None:
        self._plan = plan
        self._service = service
        self._console = console
        self._coming_up = anyio.CancelScope()
        self._lost: int | None = None

    def stop(self) -> None:
        """End both in an orderly way, also while the sandbox is still coming up."""
        self._coming_up.cancel()
        self._service.stop()

    async def run(self) -> bool:
        """Whether it ended because it was asked to; else the reason was told."""
        try:
            async with AsyncExitStack() as stack:
                with self._coming_up:
                    sandbox = await stack.enter_async_context(open_sandbox_process(self._plan.sandbox))
                if self._coming_up.cancelled_caught:
                    return True
                started = await self._serve(sandbox)
        except SandboxFailed as failure:
            return _tell(str(failure))
        if self._lost is not None:
            return _tell(f"the sandbox ended by itself with code {self._lost}; everything was stopped")
        return started

    async def _serve(self, sandbox: Process) -> bool:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch, sandbox)
            started = await self._service.run(self._greet)
            tasks.cancel_scope.cancel()
        return started

    async def _watch(self, sandbox: Process) -> None:
        """Without the sandbox, prices would only look alive."""
        self._lost = await sandbox.wait()
        self._service.stop()

    async def _greet(self, service: Service) -> None:
        """A login that fails is told, and can be made up by hand: the service runs all the same."""
        try:
            await log_in(service.local_url, public=self._plan.settings.base_url)
        except LoginFailed as failure:
            self._console.print(f"[red]The first login failed:[/] {failure}. Open {service.local_url}{LOGIN_PATH}")
        if not await is_ready(service.local_url):
            self._console.print(f"[yellow]Not all is ready yet:[/] see {service.local_url}{READY_PATH}")
        self._console.print(_panel(self._plan, service.local_url))


async def is_ready(url: str) -> bool:
    """True as soon as everything is there, instruments and stream included; False if that takes too long."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        with anyio.move_on_after(READY_SECONDS):
            while True:
                if (await client.get(READY_PATH)).json()["status"] == "ready":
                    return True
                await anyio.sleep(POLL_SECONDS)
    return False


def _tell(message: str) -> bool:
    typer.echo(f"error: {message}", err=True)
    return False


def _panel(plan: Plan, url: str) -> Panel:
    lines = Table.grid(padding=(0, 2))
    for name, value in (
        ("GraphQL, GraphiQL", f"{url}{GRAPHQL_PATH}"),
        ("WebSocket", f"{url.replace('http', 'ws', 1)}{GRAPHQL_PATH}  (graphql-transport-ws)"),
        ("Health", f"{url}/health/ready"),
        ("Metrics", f"{url}/metrics"),
        ("Sandbox controls", f"{plan.sandbox.url}/sandbox/stats"),
        (
            "Market",
            "simulated, open around the clock" if plan.sandbox.calendar == ALWAYS_OPEN else "simulated, NSE hours",
        ),
    ):
        lines.add_row(f"[bold]{name}[/]", value)
    lines.add_row("", "[dim]Ctrl-C ends[/]")
    return Panel(lines, title="Kite Services, SANDBOX data", expand=False)
