"""The Host header: a page of a foreign site must not reach a loopback service by pointing its own name at 127.0.0.1."""

from functools import lru_cache
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.headers import header

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
KNOWN_HOSTS = 64
"""Host headers whose verdict is remembered; a service on loopback is called by one or two."""


class LoopbackHosts:
    """ASGI middleware: on loopback, only requests for a loopback name or for PUBLIC_URL's host are served."""

    def __init__(self, app: ASGIApp, *, own: str) -> None:
        self._app = app
        self._names = LOOPBACK_NAMES | {urlsplit(own).hostname or ""}
        self._knows = lru_cache(maxsize=KNOWN_HOSTS)(self._is_ours)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 400 naming the host."""
        if scope["type"] == "lifespan" or self._knows(header(scope, b"host") or b""):
            await self._app(scope, receive, send)
            return
        refusal = PlainTextResponse(
            "this service answers to localhost only; set PUBLIC_URL to the address you use\n", status_code=400
        )
        await refusal(scope, receive, send)

    def _is_ours(self, host: bytes) -> bool:
        try:
            return (urlsplit(f"//{host.decode('latin-1')}").hostname or "") in self._names
        except ValueError:
            return False
