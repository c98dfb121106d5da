"""The server's own bounds, over raw sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import orjson
import pytest
from anyio.abc import SocketStream
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.server import MAX_HEADER_BYTES, MAX_HEADERS, MAX_URL_BYTES, BoundedHttpProtocol, Server
from tests.support.patience import PATIENCE
from tests.support.serving import serving


async def echo(request: Request) -> Response:
    """The length of the URL and the body."""
    return PlainTextResponse(f"{len(request.url.query)} {len(await request.body())}")


APP = Starlette(routes=[Route("/", echo, methods=["GET", "POST"])])


@pytest.fixture(scope="module")
async def server():
    """A server with the real bounds."""
    async with serving(APP) as running:
        yield running


async def connected(server: Server) -> SocketStream:
    """A raw connection."""
    return await anyio.connect_tcp("127.0.0.1", server.port)


async def answer(server: Server, *pieces: bytes) -> bytes:
    """All that the server says to these bytes, until it closes."""
    async with await connected(server) as stream:
        for piece in pieces:
            await stream.send(piece)
        return await until_closed(stream)


async def until_closed(stream: SocketStream) -> bytes:
    """Everything up to the end of the connection."""
    received = b""
    with anyio.fail_after(PATIENCE):
        try:
            while True:
                received += await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return received


def status(response: bytes) -> int:
    """The status of a response."""
    return int(response.split(b" ", 2)[1])


def code(response: bytes) -> str:
    """The code of the one error in a response's body."""
    head, _, body = response.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head
    (error,) = orjson.loads(body)["errors"]
    return str(error["extensions"]["code"])


def get(target: bytes = b"/", *headers: bytes) -> bytes:
    """A GET that asks for the connection's end."""
    return b"\r\n".join([b"GET " + target + b" HTTP/1.1", b"host: x", b"connection: close", *headers, b"", b""])


async def test_ordinary_request_is_served(server: Server):
    """With nothing about the software in the answer."""
    response = await answer(server, get())

    assert status(response) == 200
    assert response.endswith(b"0 0")
    assert b"server:" not in response.lower()


async def test_url_at_the_limit_is_served_and_over_it_is_414(server: Server):
    """The remedy is in the message."""
    fits = await answer(server, get(b"/?" + b"a" * (MAX_URL_BYTES - 2)))
    over = await answer(server, get(b"/?" + b"a" * (MAX_URL_BYTES - 1)))

    assert (status(fits), status(over), code(over)) == (200, 414, "URL_TOO_LONG")
    assert b"POST" in over


async def test_long_url_is_refused_before_it_ends(server: Server):
    """Nobody makes us keep a megabyte of URL."""
    response = await answer(server, b"GET /?" + b"a" * 9000)

    assert status(response) == 414


async def test_headers_that_are_too_large_are_431(server: Server):
    """All of them together."""
    lines = [b"x-%d: " % number + b"a" * 1000 for number in range(20)]
    fits = await answer(server, get(b"/", *lines[:15]))
    over = await answer(server, get(b"/", *lines))

    assert (status(fits), status(over), code(over)) == (200, 431, "HEADERS_TOO_LARGE")


async def test_headers_that_are_too_many_are_431(server: Server):
    """However short they are."""
    lines = [b"x-%d: a" % number for number in range(MAX_HEADERS)]
    fits = await answer(server, get(b"/", *lines[:-2]))
    over = await answer(server, get(b"/", *lines))

    assert (status(fits), status(over)) == (200, 431)


async def test_header_without_an_end_is_431(server: Server):
    """A line that never ends is counted too, read by read."""
    async with await connected(server) as stream:
        await stream.send(b"GET / HTTP/1.1\r\nx: ")
        with anyio.fail_after(PATIENCE):
            for _ in range(2 * MAX_HEADER_BYTES // 4000):
                await stream.send(b"a" * 4000)
                await anyio.sleep(0.005)
        response = await until_closed(stream)

    assert status(response) == 431


async def test_refusal_reaches_a_client_that_is_still_sending(server: Server):
    """A megabyte of headers: the answer is read, not lost to a reset."""
    async with await connected(server) as stream, anyio.create_task_group() as group:
        group.start_soon(stream.send, b"GET / HTTP/1.1\r\n" + b"x: aaaaaaaaaaaaaaaa\r\n" * 50_000)
        response = await until_closed(stream)

    assert (status(response), code(response)) == (431, "HEADERS_TOO_LARGE")


async def test_bound_holds_for_each_request_of_a_connection(server: Server):
    """Many requests on one connection are not added up."""
    request = b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 4000 + b"\r\n\r\n"
    async with await connected(server) as stream:
        for _ in range(6):
            await stream.send(request)
            assert status(await stream.receive()) == 200


async def test_body_is_not_counted_as_headers(server: Server):
    """Also when a request's head follows the last one's long body in the same packet."""
    body = b"a" * 100_000
    post = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n" + body
    response = await answer(server, post + b"GET / HTTP/1.1\r\nho", b"st: x\r\nconnection: close\r\n\r\n")

    assert response.count(b"HTTP/1.1 200") == 2


CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"


async def pour(stream: SocketStream, piece: bytes, *, pause: float = 0.001) -> None:
    """Send it again and again."""
    while True:
        await stream.send(piece)
        await anyio.sleep(pause)


async def test_trailers_are_read_and_not_believed():
    """They come when the headers are with the application, which must not see them grow."""
    seen: list[list[tuple[bytes, bytes]]] = []

    async def headers(request: Request) -> Response:
        body = await request.body()
        seen.append(request.headers.raw)
        return Response(body)

    async with serving(Starlette(routes=[Route("/", headers, methods=["POST"])])) as server:
        response = await answer(server, CHUNKED + b"0\r\nauthor", b"ization: Bearer x\r\n\r\n")

    assert response.endswith(b"hello")
    assert [name for name, _ in seen[0]] == [b"host", b"connection", b"transfer-encoding"]


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("line", [b"a" * 4000, b"x: a\r\n" * 700, b"\r\na:" + b"b" * 3000])
async def test_trailers_have_the_bounds_of_headers(answered: bool, line: bytes):  # noqa: FBT001 - a parameter
    """One without an end, too many, too large: the connection ends, whether the answer waited for them or not."""

    async def early(request: Request) -> Response:
        return Response("early" if answered else await request.body())

    app = Starlette(routes=[Route("/", early, methods=["POST"])])
    async with serving(app) as server, await connected(server) as stream:
        await stream.send(CHUNKED.replace(b"connection: close\r\n", b"") + b"0\r\nx: ")
        if answered:
            assert (await stream.receive()).endswith(b"early")
        with anyio.fail_after(PATIENCE), pytest.raises(anyio.BrokenResourceError):
            await pour(stream, line)


@asynccontextmanager
async def begun() -> AsyncIterator[SocketStream]:
    """A chunked body has begun, the application waits for more of it; from now on headers may take little time."""
    asked = anyio.Event()

    class Impatient(BoundedHttpProtocol):
        """At the end."""

    async def notes(request: Request) -> Response:
        asked.set()
        return await echo(request)

    app = Starlette(routes=[Route("/", notes, methods=["POST"])])
    async with serving(app, http_protocol=Impatient) as server, await connected(server) as stream:
        await stream.send(CHUNKED)
        await asked.wait()
        Impatient.header_seconds = 0.1
        yield stream


async def test_trailers_have_the_time_of_headers():
    """However many bytes come, now and then."""
    async with begun() as stream:
        await stream.send(b"0\r\n")
        with anyio.fail_after(PATIENCE), pytest.raises(anyio.BrokenResourceError):
            await pour(stream, b"x", pause=0.02)


async def test_chunk_may_take_longer():
    """A body may come slower than headers: its time is the application's to measure."""
    async with begun() as stream:
        await stream.send(b"5\r\n")
        await anyio.sleep(0.3)
        await stream.send(b"hello\r\n0\r\n\r\n")
        assert (await until_closed(stream)).endswith(b"0 10")


async def test_slow_headers_are_408():
    """From the first byte; a byte now and then does not help."""

    class Impatient(BoundedHttpProtocol):
        header_seconds = 1.0

    async with serving(APP, http_protocol=Impatient) as server, await connected(server) as stream:
        await stream.send(b"GET / HTTP/1.1\r\n")
        for _ in range(2):
            await anyio.sleep(0.05)
            await stream.send(b"x: a\r\n")
        response = await until_closed(stream)

    assert (status(response), code(response)) == (408, "REQUEST_TIMEOUT")


async def test_connection_that_never_asks_is_closed():
    """Without an answer, because there was no question; one that asked stays."""

    class Impatient(BoundedHttpProtocol):
        header_seconds = 0.5

    async with serving(APP, http_protocol=Impatient) as server:
        async with await connected(server) as silent:
            assert await until_closed(silent) == b""
        async with await connected(server) as alive:
            for _ in range(2):
                await alive.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                assert status(await alive.receive()) == 200
                await anyio.sleep(0.6)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nbad header: 1\r\n\r\n",
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
    ],
)
async def test_ambiguous_or_broken_request_is_400(server: Server, request_bytes: bytes):
    """Two lengths would let one request be read as two behind a proxy."""
    response = await answer(server, request_bytes)

    assert (status(response), code(response)) == (400, "BAD_REQUEST")
