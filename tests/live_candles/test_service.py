"""`Subscription.candles` over real sockets: the service in front of the sandbox, through a dropped socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from app.domain.time import IST
from tests.support.clock import MONDAY_MORNING
from tests.support.sandbox import RunningSandbox, plain_client
from tests.support.service import RunningService, free_port, running_service, sandbox_for

FIELDS = "from to count problem upstreamCalls candles { time open high low close volume state }"
INFY = 408065
PATIENCE = 20.0
QUESTIONS = 3
"""For the beginning, for the break, and for the official bar."""


@asynccontextmanager
async def a_pair(data_dir: Path) -> AsyncIterator[tuple[RunningService, RunningSandbox]]:
    """Service and sandbox on one clock, some seconds before the turn of a minute."""
    port = free_port()
    async with (
        sandbox_for(port, at=MONDAY_MORNING + timedelta(seconds=54)) as sandbox,
        running_service(sandbox, data_dir, port=port, clock=sandbox.clock) as service,
    ):
        yield service, sandbox


@asynccontextmanager
async def subscribed(service: RunningService, arguments: str) -> AsyncIterator[ClientConnection]:
    """A socket on which the candles come."""
    async with connect(service.socket_url, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        await socket.send('{"type":"connection_init"}')
        await socket.recv()
        query = f'subscription {{ candles(id: "NSE:INFY", {arguments}) {{ {FIELDS} }} }}'
        message = {"id": "1", "type": "subscribe", "payload": {"query": query}}
        await socket.send(orjson.dumps(message).decode())
        yield socket


async def payload(socket: ClientConnection) -> Any:
    """What the next message carries: a result, or a list of errors."""
    with anyio.fail_after(PATIENCE):
        return orjson.loads(await socket.recv())["payload"]


async def series(socket: ClientConnection) -> dict[str, Any]:
    """The next update."""
    return dict((await payload(socket))["data"]["candles"])


async def official(sandbox: RunningSandbox, start: datetime, end: datetime) -> list[list[Any]]:
    """The sandbox's own bars that open from `start` to `end`, both inclusive."""
    token = await sandbox.login()
    span = {name: f"{at.astimezone(IST):%Y-%m-%d %H:%M:%S}" for name, at in (("from", start), ("to", end))}
    headers = {"Authorization": f"token {sandbox.api_key}:{token}", "X-Kite-Version": "3"}
    async with plain_client(headers=headers) as client:
        answer = await client.get(f"{sandbox.url}/instruments/historical/{INFY}/minute", params=span)
    return list(answer.json()["data"]["candles"])


def row(bar: dict[str, Any]) -> list[Any]:
    """A bar as the sandbox writes it, its time aside."""
    return [bar[name] for name in ("open", "high", "low", "close", "volume")]


async def test_bars_stay_true_through_a_dropped_socket_and_the_turn_of_a_minute(tmp_path: Path) -> None:
    """What has ended equals the sandbox's own history; nothing is missing and nothing twice."""
    async with a_pair(tmp_path) as (service, sandbox), subscribed(service, "interval: MINUTE, snapshot: 5") as socket:
        first = await series(socket)
        assert [bar["state"] for bar in first["candles"]] == ["FINAL"] * 4 + ["FORMING"]
        assert (first["count"], first["problem"], first["upstreamCalls"]) == (5, None, 1)
        told = list(first["candles"])
        watched = told[-1]["time"]
        assert await sandbox.fault("drop_socket") == 1
        while sandbox.count("historical") < QUESTIONS - 1:
            told += (await series(socket))["candles"]
        sandbox.clock.shift(seconds=max(0.0, min(3.0, 58.5 - sandbox.clock.now().second)))
        while not any(bar["state"] == "FINAL" and bar["time"] == watched for bar in told):
            told += (await series(socket))["candles"]
        while sandbox.count("historical") < QUESTIONS:
            told += (await series(socket))["candles"]
        for _ in range(3):
            told += (await series(socket))["candles"]

        chart = {bar["time"]: bar for bar in told}
        ended = [bar for bar in chart.values() if bar["state"] != "FORMING"]
        start = datetime.fromisoformat(ended[0]["time"]).astimezone(UTC)
        assert [row(bar) for bar in ended] == [
            each[1:6] for each in await official(sandbox, start, start + timedelta(minutes=4))
        ]
        finals = [bar["time"] for bar in told if bar["state"] == "FINAL"]
        assert sorted(finals) == sorted(set(finals))
        assert len(ended) == 5
        assert sandbox.count("historical") == QUESTIONS + 1, "beyond ours, the one of this test"


async def test_arguments_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    refusals = {
        "interval: MINUTE, snapshot: 1001": "`snapshot` is 1001; it must lie between 0 and 1000",
        "interval: MINUTE, snapshot: -1": "`snapshot` is -1; it must lie between 0 and 1000",
        "interval: MINUTE, throttleMs: 60001": "`throttleMs` is 60001; it must lie between 0 and 60000",
    }
    async with a_pair(tmp_path) as (service, _):
        for arguments, complaint in refusals.items():
            async with subscribed(service, arguments) as socket:
                (error,) = await payload(socket)
            assert error["message"].startswith(complaint)
            assert error["extensions"]["code"] == "INVALID_INPUT"
