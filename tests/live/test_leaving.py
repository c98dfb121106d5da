"""Clients that go while they are told: nothing follows a goodbye, and none that does not read keeps its connection."""

import asyncio
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import orjson
import pytest
from starlette.types import Message

from app.websocket_protocol import HIGH_WATER_BYTES, DirectWebSocketProtocol
from schema.execution.engine import Engine
from schema.live.streams import LiveStreams
from schema.transport.websocket import GraphQLWebSocket
from tests.live.tap import NUMBERS, SCHEMA, Number, Tap, TapContext, sharing_of
from tests.live.test_sockets import WITH_TEXT, Service, running, until
from tests.support.patience import PATIENCE
from tests.transport.sockets import INIT, complete, subscribe

NEVER = 100 * PATIENCE
SOON = 0.2
SCOPE = {
    "type": "websocket",
    "path": "/graphql",
    "headers": [],
    "client": ("127.0.0.1", 1),
    "subprotocols": ["graphql-transport-ws"],
    "extensions": {},
    "state": {},
}


class Lingering(DirectWebSocketProtocol):
    """It would wait for ever for a stalled client, and not for one that is to go."""

    stall_seconds = NEVER
    linger_seconds = SOON
    lost: list[str]
    """The names of those that ended, for each class that a test makes."""

    def connection_lost(self, exc: Exception | None) -> None:
        """One more."""
        self.lost.append(type(self).__name__)
        super().connection_lost(exc)


async def filled(service: Service, enough: Callable[[], bool], length: int) -> None:
    """Tell the members more and more, until it is enough."""
    with anyio.fail_after(PATIENCE):
        number = 0
        while not enough():
            service.tap.put(Number(number := number + 1, text="x" * length))
            await anyio.lowlevel.checkpoint()


async def test_client_that_says_goodbye_and_does_not_read_loses_its_connection() -> None:
    """What it has not read would keep the socket and its memory for as long as it likes."""

    class Watched(Lingering):
        lost: list[str] = []  # noqa: RUF012 - of this test alone

    async with running(Watched) as one, one.socket(max_queue=1) as stuck:
        await stuck.send(subscribe("a", WITH_TEXT))
        await one.members(1)
        stuck.transport.pause_reading()
        await filled(one, lambda: one.live.pending > 0, 30_000)
        stuck.protocol.send_close(1000)
        stuck.send_data()
        await until(lambda: len(Watched.lost) == 1)
        stuck.transport.abort()


async def test_client_that_answers_no_ping_loses_its_connection() -> None:
    """Also with something on its way to it, too little to count as full."""
    waiting: list[int] = []

    class Watched(Lingering):
        lost: list[str] = []  # noqa: RUF012 - of this test alone

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.ping_interval = self.ping_timeout = SOON

        def try_send(self, head: bytes, body: bytes, tail: bytes) -> bool:
            sent = super().try_send(head, body, tail)
            waiting.append(self.transport.get_write_buffer_size())
            return sent

        def keepalive_timeout(self) -> None:
            if waiting and waiting[-1]:
                super().keepalive_timeout()
            else:  # the kernel still takes everything
                self.send_keepalive_ping()

    async with running(Watched) as one, one.socket(max_queue=1) as stuck:
        await stuck.send(subscribe("a", WITH_TEXT))
        await one.members(1)
        stuck.transport.pause_reading()
        await filled(one, lambda: bool(waiting and waiting[-1]), 10_000)
        assert waiting[-1] < HIGH_WATER_BYTES
        await until(lambda: len(Watched.lost) == 1)
        stuck.transport.abort()


@pytest.mark.parametrize("direct", [False, True])
async def test_nothing_of_an_operation_follows_its_completion_in_one_turn(*, direct: bool) -> None:
    """An update in the same turn of the loop, in which its task has not yet been told that it is over."""
    tap, sent, received = Tap(), list[str](), asyncio.Queue[Message]()

    class Wire:
        """The server's own way."""

        def try_send(self, *pieces: bytes) -> bool:
            sent.append(b"".join(pieces).decode())
            return True

    async def send(message: Message) -> None:
        sent.append(message.get("text", ""))

    def hear(text: str) -> None:
        received.put_nowait({"type": "websocket.receive", "text": text})

    def ids() -> list[str]:
        return [orjson.loads(text)["id"] for text in sent if '"next"' in text]

    engine = Engine(SCHEMA, on_operation=tap.records.append)
    live = LiveStreams(engine, {"numbers": sharing_of}, rights=lambda context: context.role)
    endpoint = GraphQLWebSocket(
        engine, context_factory=lambda _: TapContext(tap), allowed_origin=lambda _: True, live=live
    )
    scope = {**SCOPE, "extensions": {"websocket.direct": Wire()} if direct else {}}
    received.put_nowait({"type": "websocket.connect"})
    async with live.opened(), asyncio.TaskGroup() as tasks:
        tasks.create_task(endpoint(scope, received.get, send))
        for text in (INIT, subscribe("goes", NUMBERS), subscribe("stays", NUMBERS)):
            hear(text)
        await until(lambda: live.members == 2 and len(tap.queues) == 1)
        hear(complete("goes"))
        tap.put(Number(1))
        await until(lambda: ids() != [])
        received.put_nowait({"type": "websocket.disconnect", "code": 1000})

    assert ids() == ["stays"]
