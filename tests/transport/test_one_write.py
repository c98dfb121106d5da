"""Head and body of an answer go out together, and nothing is lost where they do not."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

from tests.support.serving import serving

LENGTH = (b"content-length", b"6")


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers by path: in one part, in two, without a length, or not to its end."""
    if scope["type"] == "lifespan":
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})
        return
    path = scope["path"]
    headers = [] if path == "/stream" else [LENGTH]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if path == "/broken":
        raise LookupError
    if path == "/stream":
        await asyncio.sleep(0.05)
    if path != "/one":
        await send({"type": "http.response.body", "body": b"HTT", "more_body": True})
    await send({"type": "http.response.body", "body": b"P/1" if path != "/one" else b"HTTP/1"})


async def answer(method: str, path: str) -> tuple[bytes, bytes]:
    """The first bytes that come, and all of them."""
    async with serving(app) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f"{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        first = await reader.read(65_536)
        rest = await reader.read()
        writer.close()
        await writer.wait_closed()
        return first, first + rest


async def test_answer_of_known_length_comes_whole() -> None:
    """One write, so one read."""
    first, _ = await answer("GET", "/one")
    assert first.startswith(b"HTTP/1.1 200")
    assert first.endswith(b"\r\n\r\nHTTP/1")


async def test_parts_come_in_order() -> None:
    """The head with the first part, also if a part looks like a head."""
    _, everything = await answer("GET", "/two")
    assert everything.count(b"HTTP/1.1 200") == 1
    assert everything.endswith(b"\r\n\r\nHTTP/1")


async def test_head_of_a_stream_does_not_wait_for_its_body() -> None:
    """A browser opens an event stream by its head."""
    first, everything = await answer("GET", "/stream")
    assert first.endswith(b"\r\n\r\n")
    assert everything.endswith(b"\r\n0\r\n\r\n")


@pytest.mark.parametrize(("method", "path"), [("HEAD", "/one"), ("GET", "/broken")])
async def test_head_without_a_body_comes_all_the_same(method: str, path: str) -> None:
    """None was asked for, or the application failed after it."""
    _, everything = await answer(method, path)
    assert everything.startswith(b"HTTP/1.1 200")
    assert everything.endswith(b"\r\n\r\n")
