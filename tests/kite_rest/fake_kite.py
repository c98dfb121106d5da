"""A server that answers what a test tells it to, in Kite's whole envelopes or in none."""

import socket
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Answer = Response | Callable[[Request], Awaitable[Response]]


def success(data: object) -> Response:
    """Kite's envelope around data."""
    return JSONResponse({"status": "success", "data": data})


def failure(status: int, error_type: str | None, message: str = "upstream-words") -> Response:
    """Kite's error envelope."""
    body: dict[str, object] = {"status": "error", "message": message, "data": None}
    return JSONResponse(body | ({"error_type": error_type} if error_type else {}), status_code=status)


def csv(text: str) -> Response:
    """An instrument master."""
    return Response(text, media_type="text/csv")


@dataclass
class FakeKite:
    """What it will answer, and what it was asked."""

    url: str = ""
    script: deque[Answer] = field(default_factory=deque)
    """Answered in order, one a request; afterwards `usual` answers."""
    usual: Answer = field(default_factory=lambda: failure(404, "GeneralException", "nothing was scripted"))
    requests: list[Request] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        """The next answer."""
        self.requests.append(request)
        self.forms.append(dict(parse_qsl((await request.body()).decode())))
        answer = self.script.popleft() if self.script else self.usual
        return answer if isinstance(answer, Response) else await answer(request)

    @property
    def authorizations(self) -> list[str | None]:
        """The Authorization header of each request."""
        return [request.headers.get("authorization") for request in self.requests]


class _Server(uvicorn.Server):
    """Ends at once, not at the next tick."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.leaving = anyio.Event()

    async def main_loop(self) -> None:
        """Serve until told to leave."""
        await self.on_tick(0)
        await self.leaving.wait()


@asynccontextmanager
async def running_fake_kite() -> AsyncIterator[FakeKite]:
    """A fake on an ephemeral port of the running loop."""
    fake = FakeKite()
    application = Starlette(routes=[Route("/{path:path}", fake.answer, methods=["GET", "POST", "DELETE"])])
    config = uvicorn.Config(application, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=1)
    server = _Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    fake.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with anyio.create_task_group() as group:
        group.start_soon(server._serve, [listener])
        try:
            yield fake
        finally:
            server.leaving.set()
