"""Every request has an id, in its log lines and in its answer."""

import anyio
import anyio.lowlevel
import httpx
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Message

from app.http.request_ids import RequestIds


async def endpoint(request: Request) -> PlainTextResponse:
    """What the log's context knows, after others had their turn."""
    await anyio.lowlevel.checkpoint()
    return PlainTextResponse(f"{structlog.contextvars.get_contextvars()['request_id']} {request.state.request_id}")


@pytest.fixture
def client() -> httpx.AsyncClient:
    """A client of one endpoint behind the middleware."""
    numbers = iter(range(1_000))
    app = RequestIds(Starlette(routes=[Route("/", endpoint)]), make=lambda: f"made-{next(numbers)}")
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t")


async def test_a_sane_id_of_the_caller_is_kept(client: httpx.AsyncClient) -> None:
    """So that a line here can be found from a line there."""
    answer = await client.get("/", headers={"x-request-id": "trace.42:a-b"})
    assert answer.text == "trace.42:a-b trace.42:a-b"
    assert answer.headers["x-request-id"] == "trace.42:a-b"


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", '{"x":1}', "a/../b"])
async def test_any_other_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    """It would be written to the log."""
    answer = await client.get("/", headers={"x-request-id": given})
    assert answer.headers["x-request-id"] == "made-0"


async def test_concurrent_requests_keep_their_own(client: httpx.AsyncClient) -> None:
    """And nothing stays behind in the context."""
    texts: list[str] = []

    async def ask() -> None:
        texts.append((await client.get("/")).text)

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(ask)
    assert sorted(texts) == sorted(f"made-{n} made-{n}" for n in range(20))
    assert structlog.contextvars.get_contextvars() == {}


@pytest.mark.parametrize("accepted", [{"headers": []}, {}])
async def test_a_socket_has_one_too(accepted: dict[str, object]) -> None:
    """Bound for as long as the socket lives, and told when it is accepted, also by an acceptance without headers."""
    seen: list[object] = []
    sent: list[Message] = []

    async def socket(_scope: object, _receive: object, send: object) -> None:
        seen.append(structlog.contextvars.get_contextvars()["request_id"])
        await send({"type": "websocket.accept", **accepted})  # type: ignore[operator] # an ASGI callable

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    await RequestIds(socket, make=lambda: "s-1")({"type": "websocket", "headers": []}, receive, send)
    assert seen == ["s-1"]
    assert (b"x-request-id", b"s-1") in sent[0]["headers"]


async def test_the_lifespan_passes_through() -> None:
    """It is no request."""
    scopes: list[object] = []

    async def app(scope: object, _receive: object, _send: object) -> None:
        scopes.append(scope)

    async def nothing(_message: Message | None = None) -> Message:
        return {}

    await RequestIds(app)({"type": "lifespan"}, nothing, nothing)  # type: ignore[arg-type] # unused here
    assert scopes == [{"type": "lifespan"}]
