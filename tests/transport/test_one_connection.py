"""Requests that share a connection, or end it from one side: no answer is lost by what follows it."""

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.server import Server
from tests.support.serving import serving, until_closed

HEAD = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n"
UPGRADE = b"GET /ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
BROKEN = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nno size\r\n"


class Slow:
    """Answers with the body that it was sent, when it may."""

    def __init__(self) -> None:
        self.asked = anyio.Event()
        self.may_answer = anyio.Event()

    async def answer(self, request: Request) -> Response:
        """Wait, then echo."""
        body = await request.body()
        self.asked.set()
        await self.may_answer.wait()
        return Response(body + str(request.headers.get("upgrade")).encode())


@pytest.fixture
def slow() -> Slow:
    """An endpoint that waits."""
    return Slow()


@pytest.fixture
async def server(slow: Slow):
    """It behind a socket."""
    async with serving(Starlette(routes=[Route("/", slow.answer, methods=["POST"])])) as running:
        yield running


@pytest.mark.parametrize(
    ("follows", "reason"),
    [
        (b"GARBAGE\r\n\r\n", b"no HTTP/1.1 request"),
        (BROKEN, b"no HTTP/1.1 request"),
        (HEAD + b"\r\nagain" + BROKEN, b"no HTTP/1.1 request"),
        (UPGRADE, b"an upgrade must wait"),
    ],
)
async def test_answer_is_not_lost_by_what_follows(server: Server, slow: Slow, follows: bytes, reason: bytes):
    """A broken request, or an upgrade, behind one that is being answered: first the answer, then the refusal."""
    async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
        await stream.send(HEAD + b"\r\nhello" + follows)
        await slow.asked.wait()
        slow.may_answer.set()
        received = await until_closed(stream)

    first, _, second = received.partition(b"HTTP/1.1 400")
    assert first.startswith(b"HTTP/1.1 200")
    assert b"hello" in first
    assert (b"again" in first) == (b"again" in follows)
    assert reason in second


async def test_client_that_only_stops_sending_gets_its_answer(server: Server, slow: Slow):
    """Also one that takes a while; then the connection ends."""
    async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
        await stream.send(HEAD + b"\r\nhello")
        await slow.asked.wait()
        await stream.send_eof()
        await anyio.sleep(0.05)
        slow.may_answer.set()
        received = await until_closed(stream)

    assert received.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in received
    assert b"hello" in received


@pytest.mark.parametrize("pieces", [1, 7])
async def test_upgrade_to_another_protocol_is_ignored(server: Server, slow: Slow, pieces: int):
    """RFC 9110, 7.8: curl --http2 and Java's HttpClient ask for h2c with every request; the body is read."""
    h2c = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n"
    packet = HEAD + h2c + b"hello" + HEAD + b"connection: close\r\n\r\nagain"
    slow.may_answer.set()
    async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
        for start in range(0, len(packet), step := len(packet) // pieces):
            await stream.send(packet[start : start + step])
            await anyio.sleep(0.005)
        received = await until_closed(stream)

    assert received.count(b"HTTP/1.1 200") == 2
    assert b"helloNone" in received
    assert received.endswith(b"againNone")
