"""The whole service over real sockets, in the running loop of a test, in front of a sandbox.

    async with running_pair(tmp_path) as (service, sandbox):    # SQLite in tmp_path; database_url=... for another
        answer = await service.ask('{ quote(id: "NSE:INFY") { lastPrice } }')
        assert sandbox.count("quote") == 1

    async with sandbox_for(port := free_port()) as sandbox:     # the same in two steps, to start the service again
        async with running_service(sandbox, tmp_path, port=port) as service: ...
        async with running_service(sandbox, tmp_path, port=port) as again: ...

Keywords of `running_service` are fields of Settings, beside `clock`, `timing` and `secrets`. It is logged in by the
path of a person unless `login=False`, has its instruments unless `ready=False`, and Kite alone unless `yahoo=True`.
"""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
from pydantic import SecretStr

from app.commands.first_login import log_in
from app.http.login import CALLBACK_PATH
from app.main import create_app
from app.parts import DEFAULT_TIMING, Timing
from app.ports import Clock
from app.redaction import Secrets
from app.server import Server, build_server
from app.settings import Settings
from tests.support.sandbox import RunningSandbox, running_sandbox

READY_SECONDS = 30.0
READY = "ready"


@dataclass(frozen=True, slots=True)
class RunningService:
    """A service that is being served."""

    url: str
    settings: Settings
    client: httpx.AsyncClient
    server: Server

    @property
    def socket_url(self) -> str:
        """The GraphQL WebSocket."""
        return self.url.replace("http", "ws", 1) + "/graphql"

    async def ask(self, query: str, *, headers: Mapping[str, str] | None = None, **variables: Any) -> dict[str, Any]:
        """The whole response of a GraphQL request."""
        body = {"query": query, "variables": variables}
        answer = await self.client.post("/graphql", json=body, headers=headers)
        return dict(answer.json())

    async def log_in(self) -> None:
        """From our link over the sandbox's page to our callback, unless somebody is logged in."""
        await log_in(self.url)

    async def until(self, status: str, check: str | None = None) -> None:
        """Returns when /health/ready, or one of its checks, is `ready`, `degraded` or `unavailable`."""
        with anyio.fail_after(READY_SECONDS):
            while await self._status(check) != status:  # noqa: ASYNC110 - seen from outside, as a load balancer does
                await anyio.sleep(0.02)

    async def _status(self, check: str | None) -> str:
        body = (await self.client.get("/health/ready")).json()
        if check is None:
            return str(body["status"])
        found = body["checks"][check]
        return "unavailable" if not found["ok"] else "degraded" if found["degraded"] else READY


def free_port() -> int:
    """A port that nobody holds at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@asynccontextmanager
async def sandbox_for(port: int, **overrides: Any) -> AsyncIterator[RunningSandbox]:
    """A sandbox whose logins return to the service on `port`; keywords are those of `running_sandbox`."""
    failure: Exception | None = None
    async with running_sandbox(redirect_url=f"http://127.0.0.1:{port}{CALLBACK_PATH}", **overrides) as sandbox:
        try:
            yield sandbox
        except Exception as error:  # noqa: BLE001 - raised below: a failed assertion shall not come in a group
            failure = error
    if failure is not None:
        raise failure


@asynccontextmanager
async def running_service(  # noqa: PLR0913 - what a service can be given, by keyword
    sandbox: RunningSandbox,
    data_dir: Path,
    *,
    port: int,
    login: bool = True,
    ready: bool = True,
    yahoo: bool = False,
    secrets: Secrets | None = None,
    clock: Clock | None = None,
    timing: Timing = DEFAULT_TIMING,
    **overrides: Any,
) -> AsyncIterator[RunningService]:
    """The service in front of a sandbox, serving until the block is left."""
    settings = Settings(
        **{
            "service_port": port,
            "data_dir": data_dir,
            "kite_api_key": sandbox.api_key,
            "kite_api_secret": SecretStr(sandbox.api_secret),
            "kite_api_url": sandbox.url,
            "kite_login_url": sandbox.login_url,
            "kite_ticker_url": sandbox.ticker_url,
            **({"yahoo_api_url": sandbox.url, "yahoo_stream_url": sandbox.yahoo_stream_url} if yahoo else {}),
            "calendar": "always-open",
            **overrides,
        }
    )
    app = create_app(settings, secrets=secrets, clock=clock, timing=timing)
    server = build_server(app, host="127.0.0.1", port=port, on_stop=app.state.stop_hooks)
    url = f"http://127.0.0.1:{port}"
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve)
        try:
            async with _client(server, url) as client:
                service = RunningService(url, settings, client, server)
                if ready:
                    await service.until(READY, "instruments")
                if ready and login:
                    await service.log_in()
                    await service.until(READY, "feed")
                yield service
        except Exception as error:  # noqa: BLE001 - raised below: here the task group would wrap it and kill the server
            failure = error
        finally:
            server.should_exit = True
    if failure is not None:
        raise failure


@asynccontextmanager
async def _client(server: Server, url: str) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client, as soon as the server takes connections."""
    with anyio.fail_after(READY_SECONDS):
        while not server.started:  # noqa: ASYNC110 - uvicorn has a flag and no event
            await anyio.sleep(0.005)
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as client:
        yield client


@asynccontextmanager
async def running_pair(
    data_dir: Path, *, sandbox: Mapping[str, Any] | None = None, **overrides: Any
) -> AsyncIterator[tuple[RunningService, RunningSandbox]]:
    """A sandbox and the service in front of it, logged in."""
    port = free_port()
    async with (
        sandbox_for(port, **(sandbox or {})) as exchange,
        running_service(exchange, data_dir, port=port, **overrides) as service,
    ):
        yield service, exchange
