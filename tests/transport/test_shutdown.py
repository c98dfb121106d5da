"""SIGTERM: nothing new, what runs is finished, clients are told to come back, soon."""

import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
import pytest
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.support.patience import PATIENCE
from tests.transport.sockets import INIT, close_code, receive_until, subscribe

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass
class Running:
    """The toy in a process of its own."""

    process: Process
    output: TextReceiveStream
    port: int
    told: str = ""

    async def begun(self, *operations: str) -> None:
        """Wait until these run."""
        while sorted(self.told.split()) != sorted(operations):
            self.told += await self.output.receive()


@asynccontextmanager
async def toy_process() -> AsyncIterator[Running]:
    """Started, and killed if the test did not end it."""
    command = [sys.executable, "-m", "tests.transport.toy_process"]
    async with await anyio.open_process(command, cwd=ROOT, stderr=None) as process:
        assert process.stdout is not None
        output = TextReceiveStream(process.stdout)
        try:
            with anyio.fail_after(2 * PATIENCE):
                yield Running(process, output, int(await output.receive()))
        finally:
            if process.returncode is None:
                process.kill()


async def test_sigterm_ends_everything_in_good_order():
    """A request and a query get their answers, the subscription is closed with 1012, its source too."""
    async with (
        toy_process() as toy,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{toy.port}", timeout=PATIENCE) as client,
        connect(
            f"ws://127.0.0.1:{toy.port}/graphql", subprotocols=[Subprotocol("graphql-transport-ws")], compression=None
        ) as socket,
    ):
        await socket.send(INIT)
        await socket.send(subscribe("s", 'subscription{silent(name:"s")}'))
        await receive_until(socket, "next", "s")
        await socket.send(subscribe("q", "{slow(seconds: 1)}"))
        answers: list[httpx.Response] = []

        async def ask() -> None:
            answers.append(await client.post("/graphql", json={"query": "{slow(seconds: 1)}"}))

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await toy.begun("s", "slow", "slow")
            toy.process.send_signal(signal.SIGTERM)
            await receive_until(socket, "complete", "q")
            assert (await close_code(socket))[0] == 1012

        with anyio.fail_after(PATIENCE):
            await toy.process.wait()

    assert answers[0].json() == {"data": {"slow": "slow"}}


async def test_sigterm_does_not_wait_for_what_never_ends():
    """A query of an hour, a stream, and a client that stays connected: gone soon all the same."""
    async with (
        toy_process() as toy,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{toy.port}", timeout=20) as client,
        anyio.create_task_group() as group,
    ):

        async def ask() -> None:
            with pytest.raises(httpx.HTTPError):
                (await client.post("/graphql", json={"query": "{slow(seconds: 3600)}"})).raise_for_status()

        group.start_soon(ask)
        await toy.begun("slow")
        toy.process.send_signal(signal.SIGTERM)
        with anyio.fail_after(PATIENCE):
            await toy.process.wait()


async def test_sigterm_does_not_wait_for_a_client_that_does_not_read():
    """Its socket takes nothing more, not even the goodbye."""
    async with (
        toy_process() as toy,
        connect(
            f"ws://127.0.0.1:{toy.port}/graphql", subprotocols=[Subprotocol("graphql-transport-ws")], compression=None
        ) as socket,
    ):
        await socket.send(INIT)
        name = "x" * 10_000
        await socket.send(subscribe("s", f'subscription{{endless(name:"{name}", pause:0)}}'))
        await receive_until(socket, "next", "s")
        socket.transport.pause_reading()
        await anyio.sleep(0.3)  # until everything in between is full; if it is not, the stop is only easier
        toy.process.send_signal(signal.SIGTERM)
        with anyio.fail_after(PATIENCE):
            await toy.process.wait()
        socket.transport.abort()


async def test_second_sigint_ends_it_at_once():
    """For a person who does not want to wait."""
    async with toy_process() as toy:
        async with connect(
            f"ws://127.0.0.1:{toy.port}/graphql", subprotocols=[Subprotocol("graphql-transport-ws")]
        ) as socket:
            await socket.send(INIT)
            toy.process.send_signal(signal.SIGINT)
            toy.process.send_signal(signal.SIGINT)
            assert (await close_code(socket))[0] == 1012
        with anyio.fail_after(PATIENCE):
            await toy.process.wait()
