"""Answers leave together at the end of a turn, and what must not wait for it does not."""

import asyncio
from typing import cast

import anyio
import pytest
from anyio.abc import SocketStream
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.outbox import MAX_ANSWERS, MAX_BYTES, Outbox
from app.server import BoundedHttpProtocol, Server, build_server
from tests.support.serving import serving

ONE = b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n"


class Written(asyncio.WriteTransport):
    """A transport that keeps what is written to it, in a list that several may share."""

    def __init__(self, kept: list[bytes]) -> None:
        super().__init__()
        self.kept = kept
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.kept.append(bytes(data))

    def is_closing(self) -> bool:
        """As it was set."""
        return self.closing

    def close(self) -> None:
        """Nothing is written after it."""
        self.closing = True

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Whoever it is, what is written comes here."""


async def test_answers_are_written_when_the_turn_ends():
    """In the order in which they came, whatever their connections; the next turn has its own."""
    kept: list[bytes] = []
    outbox, first, second = Outbox(), Written(kept), Written(kept)
    for transport, text in ((first, b"1"), (second, b"2"), (first, b"3")):
        outbox.put(transport, text)
    assert kept == []

    await asyncio.sleep(0)
    assert kept == [b"1", b"2", b"3"]

    outbox.put(second, b"4")
    await asyncio.sleep(0)
    assert kept[3:] == [b"4"]


@pytest.mark.parametrize("answers", [[b"x"] * MAX_ANSWERS, [b"x" * MAX_BYTES]])
async def test_much_does_not_wait(answers: list[bytes]):
    """Neither many answers nor a long one."""
    kept: list[bytes] = []
    outbox, transport = Outbox(), Written(kept)
    for each in answers:
        outbox.put(transport, each)

    assert kept == answers


async def test_connection_that_ended_is_passed_over():
    """The others get their answers."""
    kept: list[bytes] = []
    outbox, gone, here = Outbox(), Written(kept), Written(kept)
    outbox.put(gone, b"lost")
    outbox.put(here, b"kept")
    gone.closing = True
    await asyncio.sleep(0)

    assert kept == [b"kept"]


async def _echo(request: Request) -> Response:
    return Response(request.path_params["text"])


@pytest.fixture
async def server():
    """One that answers with the path."""
    async with serving(Starlette(routes=[Route("/{text}", _echo)])) as running:
        yield running


async def connected(server: Server) -> SocketStream:
    """A connection."""
    return await anyio.connect_tcp("127.0.0.1", server.port)


async def rest(stream: SocketStream) -> bytes:
    """Everything until the server closes."""
    received = b""
    with anyio.fail_after(5):
        async for part in stream:
            received += part
    return received


def bodies(answers: bytes) -> list[bytes]:
    """Those of all answers."""
    return [part.partition(b"\r\n\r\n")[2] for part in answers.split(b"HTTP/1.1 200 OK\r\n")[1:]]


async def test_requests_in_one_packet_are_answered_in_order(server: Server):
    """Pipelined; the last one closes the connection, after all answers."""
    packet = b"".join(ONE % each for each in range(1, 6))
    async with await connected(server) as stream:
        await stream.send(packet + b"GET /6 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert bodies(await rest(stream)) == [b"1", b"2", b"3", b"4", b"5", b"6"]


async def test_connections_do_not_mix(server: Server):
    """Many at once, each with its own answer."""

    async def ask(number: int) -> None:
        async with await connected(server) as stream:
            for turn in range(5):
                await stream.send(ONE % (number * 10 + turn))
                assert bodies(await stream.receive()) == [b"%d" % (number * 10 + turn)]

    async with anyio.create_task_group() as tasks:
        for number in range(1, 2 * MAX_ANSWERS):
            tasks.start_soon(ask, number)


async def with_one_answer_waiting() -> tuple[BoundedHttpProtocol, Written]:
    """A connection in the middle of a turn: its request is answered, and the answer waits in the outbox."""
    server = build_server(Starlette(routes=[Route("/{text}", _echo)]), host="127.0.0.1", port=0)
    server.config.load()
    protocol, transport = BoundedHttpProtocol(server.config, server.server_state, {}), Written([])
    protocol.connection_made(cast("asyncio.Transport", transport))  # as much of one as it uses
    protocol.data_received(ONE % 1)
    while not protocol._outbox._waiting:  # noqa: ASYNC110 - turn by turn, since it waits for one alone
        await asyncio.sleep(0)
    assert transport.kept == []
    return protocol, transport


async def test_client_that_has_said_all_gets_what_waits():
    """It closes its side in the turn of its answer; the transport closes itself then."""
    protocol, transport = await with_one_answer_waiting()
    protocol.eof_received()
    transport.close()
    assert bodies(b"".join(transport.kept)) == [b"1"]
    protocol.connection_lost(None)


async def test_client_gets_what_waits_when_the_server_stops():
    """The connection is closed in the turn of its answer."""
    protocol, transport = await with_one_answer_waiting()
    protocol.shutdown()
    assert transport.closing
    assert bodies(b"".join(transport.kept)) == [b"1"]
    protocol.connection_lost(None)


async def test_websocket_is_answered_after_what_waits():
    """Here it is refused, at once: there is no key."""
    protocol, transport = await with_one_answer_waiting()
    protocol.data_received(b"GET /2 HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    first, *rest = transport.kept
    assert bodies(first) == [b"1"]
    assert b"".join(rest).startswith(b"HTTP/1.1 400 Bad Request")
