"""What the demonstration stands on: the service as a process of its own, and ways to ask it and to break its exchange.

Comes in: nothing. Goes out: addresses, answers and sockets. Called by the parts of `make demo`.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx
import orjson
from rich.console import Console
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from app.settings import Settings

START_SECONDS = 90.0
WIDTH = 110
"""Columns of the output: the tables fit."""

console = Console(highlight=False, width=WIDTH)


@dataclass(frozen=True, slots=True)
class Stage:
    """A running copy of the service, and how it is reached."""

    client: httpx.AsyncClient
    service: str
    sandbox: str

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole response of a query."""
        answer = await self.client.post(f"{self.service}/graphql", json={"query": query, "variables": variables})
        return dict(answer.json())

    async def upstream_calls(self) -> dict[str, int]:
        """Requests that the sandbox has seen, by class."""
        answer = await self.client.get(f"{self.sandbox}/sandbox/stats")
        return dict(answer.json()["data"]["requests"]["by_class"])

    async def fault(self, **body: Any) -> None:
        """Break the sandbox."""
        (await self.client.post(f"{self.sandbox}/sandbox/faults", json=body)).raise_for_status()

    async def mend(self) -> None:
        """Nothing is wrong with the sandbox any more; a dead token stays dead."""
        (await self.client.delete(f"{self.sandbox}/sandbox/faults")).raise_for_status()

    async def until_ready(self) -> None:
        """Returns when the service is ready, instruments, feed and login included. Raises TimeoutError."""
        with anyio.fail_after(START_SECONDS):
            while True:
                try:
                    answer = await self.client.get(f"{self.service}/health/ready")
                    if answer.json()["status"] == "ready":
                        return
                except (httpx.HTTPError, ValueError):
                    pass
                await anyio.sleep(0.2)

    @asynccontextmanager
    async def graphql_socket(self) -> AsyncIterator[ClientConnection]:
        """An acknowledged graphql-transport-ws socket."""
        address = self.service.replace("http", "ws", 1) + "/graphql"
        async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None) as ws:
            await ws.send(orjson.dumps({"type": "connection_init"}).decode())
            await ws.recv()
            yield ws


def free_ports() -> tuple[int, int]:
    """Two ports that nobody holds at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return int(one.getsockname()[1]), int(other.getsockname()[1])


def child_environment(ours: Mapping[str, str], service: int, sandbox: int, folder: str) -> dict[str, str]:
    """The environment of the demonstration's service: ours, but for every setting, of which it has its own few.

    Whoever has a service of their own has its settings here: a port that is taken, a database, a token, an address.
    """
    kept = {name: value for name, value in ours.items() if name.lower() not in Settings.model_fields}
    own = {"SERVICE_PORT": str(service), "SANDBOX_PORT": str(sandbox), "DATA_DIR": folder, "LOG_LEVEL": "ERROR"}
    return kept | own


@contextmanager
def running_service() -> Iterator[tuple[str, str]]:
    """`kite-services run` as a process of its own; ended by Ctrl-C's signal, and held to a clean end.

    Gives the addresses of the service and of its sandbox.
    """
    service, sandbox = free_ports()
    with tempfile.TemporaryDirectory(prefix="kite-demo-") as folder:
        environment = child_environment(os.environ, service, sandbox, folder)  # noqa: TID251 - a child's environment
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "run"], env=environment, stdout=subprocess.DEVNULL, start_new_session=True
        )
        try:
            yield f"http://127.0.0.1:{service}", f"http://127.0.0.1:{sandbox}"
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=20)
            console.print(f"\nCtrl-C: everything ended, exit code {code}")
