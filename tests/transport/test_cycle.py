"""Our cycle of a request keeps to ASGI and to HTTP where it goes its own way."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.server import BoundedHttpProtocol, Server, build_server
from tests.support.patience import PATIENCE
from tests.support.serving import serving

GET = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
LENGTH_2 = [(b"content-length", b"2")]


def start(headers: Sequence[tuple[bytes, bytes]] = ()) -> Message:
    """The head of a 200."""
    return {"type": "http.response.start", "status": 200, "headers": headers}


def body(text: bytes, *, more: bool = False) -> Message:
    """A part of the body."""
    return {"type": "http.response.body", "body": text, "more_body": more}


def saying(*messages: Message, failures: list[str]) -> ASGIApp:
    """An application that sends these, whatever was asked, and notes why it could not."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for answer in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{answer}.complete"})
            return
        for message in messages:
            try:
                await send(message)
            except RuntimeError as error:
                failures.append(str(error))
                return

    return app


async def answer(server: Server, request: bytes) -> bytes:
    """Everything that the server says to it until it closes."""
    received = b""
    with anyio.fail_after(PATIENCE):
        async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
            await stream.send(request)
            async for part in stream:
                received += part
    return received


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([start(LENGTH_2), body(b"a", more=True), body(b"b")], b"content-length: 2\r\nconnection: close\r\n\r\nab"),
        ([start(), body(b"ab", more=True), body(b"")], b"transfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"),
        ([start([(b"Content-Length", b"0")]), body(b"")], b"content-length: 0\r\nconnection: close\r\n\r\n"),
        ([start([*LENGTH_2, (b"Connection", b"x, Close")]), body(b"ab")], b"connection: x, Close\r\n\r\nab"),
    ],
)
async def test_answer_is_written_as_it_was_sent(messages: list[Message], expected: bytes):
    """With a length, without one, empty, in parts; a connection that ends says so once."""
    async with serving(saying(*messages, failures=[])) as server:
        received = await answer(server, GET)

    assert received.endswith(expected)
    assert received.lower().count(b"\r\nconnection:") == 1


async def test_head_has_no_body():
    """HEAD: the length is told and the body kept."""
    async with serving(saying(start(LENGTH_2), body(b"ab"), failures=[])) as server:
        received = await answer(server, GET.replace(b"GET", b"HEAD"))

    assert received.endswith(b"content-length: 2\r\nconnection: close\r\n\r\n")


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([body(b"")], "unexpected ASGI message"),
        ([start(LENGTH_2), start(LENGTH_2)], "unexpected ASGI message"),
        ([start(LENGTH_2), body(b"ab"), body(b"c")], "unexpected ASGI message"),
        ([start(LENGTH_2), body(b"abc")], "longer than Content-Length"),
        ([start(LENGTH_2), body(b"a")], "shorter than Content-Length"),
        ([start([(b"x", b"a\r\nset-cookie: b")])], "invalid HTTP header value"),
        ([start([(b"x:", b"a")])], "invalid HTTP header name"),
    ],
)
async def test_application_that_breaks_the_protocol_is_told(messages: list[Message], reason: str):
    """And its connection ends: nothing of it can be taken for a whole answer of another."""
    failures: list[str] = []
    async with serving(saying(*messages, failures=failures)) as server:
        await answer(server, GET)

    assert reason in failures[0]


ASKED = GET.replace(b"connection: close\r\n", b"")


@asynccontextmanager
async def keeping_alive(seconds: int) -> AsyncIterator[Server]:
    """A server that closes idle connections after so long."""
    async with serving(saying(start(LENGTH_2), body(b"ab"), failures=[])) as server:
        server.config.timeout_keep_alive = seconds
        yield server


async def test_idle_connection_is_closed_and_a_busy_one_stays():
    """The timer stays over many requests and looks at the last one."""
    async with keeping_alive(1) as server, await anyio.connect_tcp("127.0.0.1", server.port) as stream:
        for _ in range(4):
            await stream.send(ASKED)
            assert (await stream.receive()).endswith(b"ab")
            await anyio.sleep(0.4)
        with pytest.raises(anyio.EndOfStream):
            await stream.receive()


@pytest.mark.parametrize(
    ("request_bytes", "stray"),
    [
        (ASKED, b"\r\n"),
        (ASKED.replace(b"host: x", b"host: x\r\ncontent-length: 10"), b"x"),
        (ASKED.replace(b"host: x", b"host: x\r\ntransfer-encoding: chunked"), b"0\r\n"),
    ],
)
async def test_bytes_that_are_no_request_keep_no_connection(request_bytes: bytes, stray: bytes):
    """An empty line, or a body that the answer did not wait for: the connection is as idle as before."""
    async with keeping_alive(1) as server, await anyio.connect_tcp("127.0.0.1", server.port) as stream:
        await stream.send(request_bytes)
        assert (await stream.receive()).endswith(b"ab")
        await stream.send(stray)
        with pytest.raises(anyio.EndOfStream):
            await stream.receive()


def test_every_server_has_our_protocol():
    """Or none of this would be tested."""
    server = build_server(saying(failures=[]), host="127.0.0.1", port=0)

    assert server.config.http is BoundedHttpProtocol
