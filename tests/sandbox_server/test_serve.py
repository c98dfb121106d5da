"""Serving: the command's life in a process of its own, ports, and an orderly end."""

import sys
from functools import partial

import anyio
import httpx
import pytest
from anyio.streams.text import TextReceiveStream
from websockets.exceptions import ConnectionClosed

from app.sandbox.serve import open_sandbox
from tests.sandbox_server.tiny_market import INFY, TinyMarket
from tests.sandbox_server.vendor import open_socket
from tests.support.sandbox import plain_client, running_sandbox

PROGRAM = """
import sys
import anyio
from functools import partial
from app.clock import SystemClock
from app.sandbox.serve import run_sandbox
from app.sandbox.settings import SandboxSettings

settings = SandboxSettings(redirect_url="http://127.0.0.1:1/callback", calendar="indian")
anyio.run(partial(run_sandbox, settings, clock=SystemClock(), port=0))
assert not {"kiteconnect", "twisted.internet.reactor"} & sys.modules.keys()
print("ended")
"""
PATIENCE_SECONDS = 20
"""A process start on two shared cores."""


async def test_the_command_says_where_it_is_and_ends_on_a_signal() -> None:
    """One line when ready, the whole market behind it, exit code 0 after SIGTERM, and no vendor's client inside."""
    with anyio.fail_after(PATIENCE_SECONDS):
        async with await anyio.open_process([sys.executable, "-c", PROGRAM]) as process:
            assert process.stdout is not None
            lines = TextReceiveStream(process.stdout)
            ready = await lines.receive()
            url = next(word for word in ready.split() if word.startswith("http://"))
            async with plain_client(base_url=url, timeout=PATIENCE_SECONDS) as client:
                calendar = (await client.get("/sandbox/calendar")).json()
                rows = (await client.get("/instruments")).text.splitlines()
            process.terminate()
            rest = "".join([text async for text in lines])
            await process.wait()

    assert ready.startswith("SANDBOX exchange ready at http://127.0.0.1:")
    assert calendar["data"]["calendar"] == "indian"
    assert len(rows) > 2_000
    assert rest == "ended\n"
    assert process.returncode == 0


async def test_an_ending_sandbox_tells_its_sockets_and_leaves_hanging_requests(market: TinyMarket) -> None:
    """Close code 1012 on the ticker; a request that hangs does not hold the end for long."""
    closed: list[int] = []

    async def hang(url: str) -> None:
        async with plain_client(timeout=PATIENCE_SECONDS) as client:
            with pytest.raises(httpx.HTTPError):
                (await client.get(f"{url}/user/profile")).raise_for_status()

    with anyio.fail_after(PATIENCE_SECONDS):
        async with (
            anyio.create_task_group() as tasks,
            running_sandbox(market=market, heartbeat_seconds=0.05) as sandbox,
        ):
            token = await sandbox.login()
            await sandbox.fault("latency", seconds=600)
            tasks.start_soon(partial(hang, sandbox.url))

            async def listen() -> None:
                async with open_socket(sandbox, token) as client:
                    await client.send("subscribe", [INFY])
                    with pytest.raises(ConnectionClosed) as caught:
                        await client.drain()
                    closed.append(caught.value.rcvd.code if caught.value.rcvd else 0)

            tasks.start_soon(listen)
            while not sandbox.parts.ticker.sockets():  # noqa: ASYNC110  the server accepts in its own time
                await anyio.sleep(0.01)

    assert closed == [1012]


async def test_a_taken_port_is_an_error(market: TinyMarket) -> None:
    """Two sandboxes cannot share a port, and the second says so."""
    async with running_sandbox(market=market) as sandbox:
        with pytest.raises(OSError, match="in use"):
            async with open_sandbox(sandbox.application, port=sandbox.address.port):
                pass
