"""Shared subscriptions behind real sockets: WebSocket and SSE, quick, slow and stuck."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import orjson
import pytest
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from structlog.testing import capture_logs
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from app.server import BoundedHttpProtocol
from app.websocket_protocol import HIGH_WATER_BYTES, STALLED, STALLED_REASON, DirectWebSocketProtocol
from schema.execution.engine import Engine
from schema.live.streams import LiveStreams
from schema.transport.http import GraphQLHttp
from schema.transport.websocket import GraphQLWebSocket
from tests.live.tap import NUMBERS, SCHEMA, Number, Tap, TapContext, sharing_of
from tests.support.patience import PATIENCE
from tests.support.serving import serving
from tests.support.small_buffers import SmallBuffers, small_socket
from tests.transport.sockets import ACK, INIT, close_code, complete, receive, subscribe

WITH_TEXT = "subscription{numbers{sequence merged text}}"
LONG_TEXT = "x" * 50_000
SHORT_STALL = 0.6


class PatientProtocol(DirectWebSocketProtocol):
    """Nobody is cut while a test looks."""

    stall_seconds = 3600.0


class ImpatientProtocol(DirectWebSocketProtocol):
    """Stuck after half a second."""

    stall_seconds = SHORT_STALL
    linger_seconds = PATIENCE


class ImpatientHttp(SmallBuffers, BoundedHttpProtocol):
    """The same for what is no WebSocket."""

    stall_seconds = SHORT_STALL


@dataclass
class Service:
    """A running service over the tap."""

    tap: Tap
    live: LiveStreams
    websocket: GraphQLWebSocket
    http: GraphQLHttp
    client: httpx.AsyncClient
    port: int

    @asynccontextmanager
    async def socket(self, **parameters: Any) -> AsyncIterator[ClientConnection]:
        """A WebSocket that is acknowledged."""
        async with connect(
            f"ws://127.0.0.1:{self.port}/graphql",
            subprotocols=[Subprotocol("graphql-transport-ws")],
            compression=None,
            **parameters,
        ) as socket:
            await socket.send(INIT)
            assert await socket.recv() == ACK
            yield socket

    @asynccontextmanager
    async def stuck_socket(self) -> AsyncIterator[ClientConnection]:
        """One whose client can be made to hold little that it does not read."""
        async with self.socket(max_queue=1, sock=await small_socket(self.port)) as socket:
            yield socket

    async def until_open(self) -> None:
        """Wait for a source."""
        await until(lambda: len(self.tap.queues) > 0)

    async def members(self, count: int) -> None:
        """Wait until there are so many members and their source is open."""
        await until(lambda: self.live.members == count and len(self.tap.queues) > 0)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what happens on the other side of a socket."""
    with anyio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 - seen from outside
            await anyio.sleep(0.005)


@asynccontextmanager
async def running(
    protocol: type[asyncio.Protocol] = DirectWebSocketProtocol, *, shared: bool = True, **server: Any
) -> AsyncIterator[Service]:
    """A service with shared streams, or without."""
    tap = Tap()
    engine = Engine(SCHEMA, on_operation=tap.records.append)
    live = LiveStreams(engine, {"numbers": sharing_of} if shared else {}, rights=lambda context: context.role)
    http = GraphQLHttp(engine, context_factory=lambda _: TapContext(tap), live=live)
    websocket = GraphQLWebSocket(
        engine, context_factory=lambda _: TapContext(tap), allowed_origin=lambda _: True, live=live
    )
    app = Starlette(routes=[Route("/graphql", http), WebSocketRoute("/graphql", websocket)])
    async with (
        live.opened(),
        serving(
            app,
            on_stop=[websocket.close_all, http.close_all],
            websocket_protocol=type("Small", (SmallBuffers, protocol), {}),
            **server,
        ) as running_server,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{running_server.port}", timeout=PATIENCE) as client,
    ):
        yield Service(tap, live, websocket, http, client, running_server.port)


@pytest.fixture(params=[DirectWebSocketProtocol, WebSocketsSansIOProtocol])
async def service(request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    """Once with the direct way to the sockets, once by ASGI alone."""
    async with running(request.param) as one:
        yield one


async def told(socket: ClientConnection, times: int) -> list[tuple[str, int]]:
    """Ids and sequences of the next messages."""
    messages = [await receive(socket) for _ in range(times)]
    return [(message["id"], message["payload"]["data"]["numbers"]["sequence"]) for message in messages]


async def test_sockets_share_an_execution_and_keep_their_own_ids(service: Service) -> None:
    """Also two operations of one socket; a pong finds its place between them."""
    async with service.socket() as one, service.socket() as two:
        await one.send(subscribe("a", NUMBERS))
        await one.send(subscribe("b", NUMBERS))
        await two.send(subscribe('quo"te', NUMBERS))
        await service.members(3)
        service.tap.put(Number(1), Number(2))

        assert sorted(await told(one, 4)) == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
        assert await told(two, 2) == [('quo"te', 1), ('quo"te', 2)]
        assert service.tap.executed == 2
        await one.send('{"type":"ping"}')
        assert (await receive(one))["type"] == "pong"
        service.tap.put(None)
        assert await receive(two) == {"id": 'quo"te', "type": "complete"}
    assert [record.events for record in service.tap.records] == [2, 2, 2]


@pytest.mark.parametrize("length", [0, 200, 70_000])
async def test_a_frame_of_any_length_is_what_an_own_execution_sends(length: int) -> None:
    """Byte by byte, over both ways."""
    texts: list[list[object]] = []
    for protocol, shared in ((DirectWebSocketProtocol, True), (WebSocketsSansIOProtocol, True), (None, False)):
        async with running(protocol or DirectWebSocketProtocol, shared=shared) as one, one.socket() as socket:
            await socket.send(subscribe("an-id", WITH_TEXT))
            await one.until_open()
            heard: list[object] = []
            for number in range(3):
                one.tap.put(Number(number, text="é" * length))
                heard.append(await socket.recv())
            one.tap.put(None)
            heard.append(await socket.recv())
            texts.append(heard)
    assert texts[0] == texts[1] == texts[2]
    assert len(str(texts[0][0])) > length


async def test_websocket_and_sse_share_a_stream(service: Service) -> None:
    """What differs is what stands around the result."""
    async with (
        service.socket() as socket,
        service.client.stream(
            "POST", "/graphql", json={"query": NUMBERS}, headers={"accept": "text/event-stream"}
        ) as response,
    ):
        await socket.send(subscribe("a", NUMBERS))
        await service.members(2)
        service.tap.put(Number(1), Number(2))
        messages = [await socket.recv() for _ in range(2)]
        service.tap.put(None)
        text = (await response.aread()).decode()

    assert service.tap.opened == ["n"]
    assert service.tap.executed == 2
    results = [event.removeprefix("event: next\ndata: ") for event in text.split("\n\n") if "next" in event]
    assert [f'{{"id":"a","type":"next","payload":{result}}}' for result in results] == messages
    assert text.endswith("event: complete\ndata: \n\n")
    assert sorted(record.transport for record in service.tap.records) == ["sse", "websocket"]


async def test_errors_end_members_on_every_transport(service: Service) -> None:
    """`error` for a socket, a result without data and `complete` for an event stream."""
    async with (
        service.socket() as socket,
        service.client.stream(
            "POST", "/graphql", json={"query": NUMBERS}, headers={"accept": "text/event-stream"}
        ) as response,
    ):
        await socket.send(subscribe("a", NUMBERS))
        await service.members(2)
        with capture_logs() as logs:
            service.tap.put(Number(1), RuntimeError("hunter2"))
            kinds = [(await receive(socket))["type"] for _ in range(2)]
            text = (await response.aread()).decode()

    assert len(logs) == 1
    assert kinds == ["next", "error"]
    assert "INTERNAL" in text
    assert "hunter2" not in text
    assert text.endswith("event: complete\ndata: \n\n")


async def test_nothing_of_an_operation_follows_its_completion(service: Service) -> None:
    """Its id may be in use again at once, by a stream of another kind."""
    async with service.socket() as socket, service.socket() as other:
        await socket.send(subscribe("a", NUMBERS))
        await other.send(subscribe("a", NUMBERS))
        await service.members(2)
        service.tap.put(Number(1))
        assert await told(socket, 1) == [("a", 1)]
        await socket.send(complete("a"))
        await socket.send(subscribe("a", WITH_TEXT))
        await until(lambda: len(service.tap.queues) == 2)
        service.tap.put(Number(2, text="new"))
        message = await receive(socket)
        assert message["payload"]["data"]["numbers"]["text"] == "new"
        assert await told(other, 2) == [("a", 1), ("a", 2)]


async def test_the_last_socket_that_goes_closes_the_source(service: Service) -> None:
    """However it goes."""
    async with service.socket() as stays:
        await stays.send(subscribe("a", NUMBERS))
        async with service.socket() as goes:
            await goes.send(subscribe("a", NUMBERS))
            await service.members(2)
            goes.transport.abort()
        await service.members(1)
        assert service.tap.closed == []
        stays.transport.abort()
        await until(lambda: service.tap.closed == ["n"])


async def test_stopping_tells_members_to_come_back(service: Service) -> None:
    """1012, and the sources are closed."""
    async with service.socket() as socket:
        await socket.send(subscribe("a", NUMBERS))
        await service.members(1)
        await service.websocket.close_all()
        assert await close_code(socket) == (1012, "service restart")
        await until(lambda: service.tap.closed == ["n"])


async def test_subscription_with_endless_extensions_is_refused(service: Service) -> None:
    """What a stream's key could not be made of: 400 or 4400, and nothing of ours in the log."""
    body = b'{"query":"subscription{numbers{sequence}}","extensions":' + b'{"a":' * 300 + b"1" + b"}" * 301
    headers = {"accept": "text/event-stream", "content-type": "application/json"}
    with capture_logs() as logs:
        response = await service.client.post("/graphql", content=body, headers=headers)
        async with service.socket() as socket:
            await socket.send('{"type":"subscribe","id":"a","payload":' + body.decode() + "}")
            code, reason = await close_code(socket)

    assert (response.status_code, code) == (400, 4400)
    assert "64 objects" in response.json()["errors"][0]["message"]
    assert "64 objects" in reason
    assert logs == []


async def test_stuck_sockets_cost_nobody() -> None:
    """The others get every update; what waits for the stuck is one payload for all of them."""
    async with running(PatientProtocol) as one, AsyncExitStack() as open_sockets:
        stuck = [await open_sockets.enter_async_context(one.stuck_socket()) for _ in range(5)]
        quick = await open_sockets.enter_async_context(one.socket())
        await stop_reading(one, stuck, quick)
        number = await feed(one, quick, lambda number: number < 64)

        assert 0 < one.live.pending <= 32 * len(stuck)
        assert one.live.members == len(stuck) + 1
        for client in stuck:
            client.transport.abort()
        await one.members(1)
        assert len(one.tap.records) == len(stuck)
        assert all(0 < record.events < number for record in one.tap.records)


async def test_stuck_sockets_are_cut_with_a_code() -> None:
    """Each when its time is over; the others do not notice."""
    async with running(ImpatientProtocol) as one, AsyncExitStack() as open_sockets:
        stuck = [await open_sockets.enter_async_context(one.stuck_socket()) for _ in range(3)]
        quick = await open_sockets.enter_async_context(one.socket())
        await stop_reading(one, stuck, quick)
        await feed(one, quick, lambda _: one.live.members > 1)

        stuck[0].transport.resume_reading()
        assert await close_code(stuck[0]) == (STALLED, STALLED_REASON)
        for client in stuck[1:]:
            client.transport.abort()


async def stop_reading(one: Service, stuck: list[ClientConnection], quick: ClientConnection) -> None:
    """All of them subscribe, and all but the quick one read nothing of it."""
    for client in (*stuck, quick):
        await client.send(subscribe("a", WITH_TEXT))
    await one.members(len(stuck) + 1)
    for client in stuck:
        client.transport.pause_reading()


async def feed(one: Service, quick: ClientConnection, while_true: Callable[[int], bool]) -> int:
    """Long updates, each of which the quick client gets; their number."""
    number = 0
    with anyio.fail_after(PATIENCE):
        while while_true(number):
            one.tap.put(Number(number, text=LONG_TEXT))
            assert await told(quick, 1) == [("a", number)]
            number += 1
    return number


async def test_event_stream_that_nobody_reads_is_cut() -> None:
    """It has no close code; its part in the stream ends, and the log says why."""
    with capture_logs() as logs:
        async with running(http_protocol=ImpatientHttp) as one:
            body = orjson.dumps({"query": WITH_TEXT})
            head = (
                "POST /graphql HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\ncontent-type: application/json\r\n"
            )
            reader, writer = await asyncio.open_connection(sock=await small_socket(one.port), limit=1024)
            writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            await one.members(1)
            for number in range(64):
                one.tap.put(Number(number, text=LONG_TEXT))
                await anyio.lowlevel.checkpoint()
            await until(lambda: one.live.members == 0)
            writer.close()
            assert not reader.at_eof()

    assert "a client that does not read was cut off" in [line["event"] for line in logs]
    assert one.tap.records[0].events < 64


async def test_slow_socket_that_reads_again_gets_the_newest(service: Service) -> None:
    """And `merged` says how many there were."""
    updates = 64
    async with service.stuck_socket() as slow, service.socket() as quick:
        await stop_reading(service, [slow], quick)
        await feed(service, quick, lambda number: number < updates)
        slow.transport.resume_reading()
        numbers: list[dict[str, Any]] = []
        while not numbers or numbers[-1]["sequence"] < updates - 1:
            numbers.append((await receive(slow))["payload"]["data"]["numbers"])

    assert len(numbers) < updates
    assert sum(number["merged"] for number in numbers) == updates
    assert numbers == sorted(numbers, key=lambda number: number["sequence"])


async def test_a_socket_holds_little_for_a_client_that_does_not_read() -> None:
    """Beyond the kernel's own buffers: the high-water mark and a frame."""
    held: list[int] = []

    class Watched(DirectWebSocketProtocol):
        def try_send(self, head: bytes, body: bytes, tail: bytes) -> bool:
            sent = super().try_send(head, body, tail)
            held.append(self.transport.get_write_buffer_size())
            return sent

    async with running(Watched) as one, one.stuck_socket() as stuck:
        await stuck.send(subscribe("a", WITH_TEXT))
        await one.members(1)
        stuck.transport.pause_reading()
        for number in range(64):
            one.tap.put(Number(number, text="x" * 30_000))
            await anyio.lowlevel.checkpoint()
        await until(lambda: one.live.pending > 0)
        stuck.transport.abort()

    assert HIGH_WATER_BYTES < max(held) < HIGH_WATER_BYTES + 40_000
