"""The servers that are compared: how each is started, and what it is asked for a workload.

Ours first, since the data of the peers is what it answers.
"""

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
from anyio import to_thread

from app.commands.first_login import log_in
from bench.processes import HOST, ROOT, Program, ProgramFailed, free_port, listening, running

BENCH = ROOT / "bench"
INSTALL_SECONDS = 300
READY_SECONDS = 60.0
POLL_SECONDS = 0.05

OURS, STRAWBERRY, FASTAPI, MERCURIUS, GRAPHQL_WS = "ours", "strawberry", "fastapi", "mercurius", "graphql-ws"
EVERY = (OURS, STRAWBERRY, FASTAPI, MERCURIUS, GRAPHQL_WS)
NODE = frozenset({MERCURIUS, GRAPHQL_WS})


@dataclass(frozen=True, slots=True)
class Contender:
    """A server that is running."""

    name: str
    port: int
    program: Program

    @property
    def url(self) -> str:
        """Its root."""
        return f"http://{HOST}:{self.port}"


def has_node() -> bool:
    """Whether the Node peers can be measured here."""
    return shutil.which("node") is not None and shutil.which("npm") is not None


def install_node_packages() -> None:
    """Bring bench/node_modules to what the lock file says. Blocks. Raises ProgramFailed."""
    lock, stamp = BENCH / "package-lock.json", BENCH / "node_modules" / ".package-lock.json"
    npm = shutil.which("npm")
    if npm is None or (stamp.exists() and stamp.stat().st_mtime >= lock.stat().st_mtime):
        return
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(  # noqa: S603 - fixed words
        command, cwd=BENCH, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
    )
    if done.returncode != 0:
        msg = f"npm ci failed in {BENCH}: {done.stdout}{done.stderr}"
        raise ProgramFailed(msg)


@asynccontextmanager
async def peer(name: str, data: Path) -> AsyncIterator[Contender]:
    """One of the peers, with the data of the file."""
    port = free_port()
    if name in NODE:
        await to_thread.run_sync(install_node_packages)
    commands: Mapping[str, Sequence[str]] = {
        STRAWBERRY: (sys.executable, "-m", "bench.servers.strawberry_plain"),
        FASTAPI: (sys.executable, "-m", "bench.servers.fastapi_rest"),
        MERCURIUS: (shutil.which("node") or "node", str(BENCH / "servers" / "mercurius.mjs")),
        GRAPHQL_WS: (shutil.which("node") or "node", str(BENCH / "servers" / "graphql_ws.mjs")),
    }
    env = {"NODE_ENV": "production"} if name in NODE else {}
    async with running(name, [*commands[name], str(port), str(data)], env=env) as program:
        await listening(program, port)
        yield Contender(name, port, program)


@asynccontextmanager
async def ours(
    folder: Path, *, driven: bool = False, settings: Mapping[str, str] | None = None, rows: int | None = None
) -> AsyncIterator[Contender]:
    """Our service in front of a quiet sandbox: logged in, its instruments there, its feed live.

    `driven`: with the source that never rests (servers/ours.py). `settings`: more environment variables.
    `rows`: of a generated instrument master.
    """
    async with AsyncExitStack() as stack:
        port, exchange_port = free_port(), free_port()
        callback = f"http://{HOST}:{port}/auth/kite/callback"
        command = [sys.executable, "-m", "bench.servers.exchange", str(exchange_port), callback]
        command += [] if rows is None else [str(rows)]
        exchange = await stack.enter_async_context(running("exchange", command))
        await listening(exchange, exchange_port)
        module = ["bench.servers.ours"] if driven else ["app.cli", "serve"]
        env = {**service_environment(folder, port, exchange_port), **(settings or {})}
        program = await stack.enter_async_context(running(OURS, [sys.executable, "-m", *module], env=env))
        await listening(program, port)
        contender = Contender(OURS, port, program)
        await until_ready(contender, "instruments")
        await log_in(contender.url)
        await until_ready(contender, "feed")
        yield contender


def service_environment(folder: Path, port: int, exchange_port: int) -> dict[str, str]:
    """Settings of a service in front of the sandbox on that port; all others are the defaults."""
    exchange = f"http://{HOST}:{exchange_port}"
    return {
        "SERVICE_PORT": str(port),
        "DATA_DIR": str(folder),
        "KITE_API_KEY": "sandboxkey",
        "KITE_API_SECRET": "sandboxsecret",
        "KITE_API_URL": exchange,
        "KITE_LOGIN_URL": f"{exchange}/connect/login",
        "KITE_TICKER_URL": exchange.replace("http", "ws", 1),
        "CALENDAR": "always-open",
    }


async def until_ready(contender: Contender, check: str) -> None:
    """Returns when a check of /health/ready is neither failed nor degraded. Raises ProgramFailed."""
    async with httpx.AsyncClient(base_url=contender.url, trust_env=False, timeout=5) as client:
        with anyio.move_on_after(READY_SECONDS):
            while contender.program.process.returncode is None:
                found = (await client.get("/health/ready")).json()["checks"].get(check, {})
                if found.get("ok") and not found.get("degraded"):
                    return
                await anyio.sleep(POLL_SECONDS)
    raise contender.program.failure(f"{check} did not become ready")


async def ask(contender: Contender, query: str, **variables: Any) -> dict[str, Any]:
    """The whole response of a GraphQL request."""
    async with httpx.AsyncClient(base_url=contender.url, trust_env=False, timeout=30) as client:
        answer = await client.post("/graphql", json={"query": query, "variables": variables})
        return dict(answer.json())
