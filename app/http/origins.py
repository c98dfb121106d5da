"""Web pages that may call: the origins of CORS_ORIGINS, for CORS and for the Origin of WebSockets alike."""

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.headers import RawHeaders, header, sending

METHODS = ("GET", "POST")
MAY_SEND = ("authorization", "content-type", "x-request-id")
MAY_READ = "x-request-id"
PREFLIGHT_SECONDS = 3_600
"""How long a browser need not ask again."""
KNOWN_ORIGINS = 256
"""Origins whose headers are remembered; more than a front end has addresses."""


class OriginError(ValueError):
    """An entry of CORS_ORIGINS that is no origin; the message names it and shows one."""


class AllowedOrigins:
    """The service's own origin and those of the setting. `http://localhost:*` allows every port of a host."""

    def __init__(self, origins: str, own: str) -> None:
        """`origins`: comma-separated. Raises OriginError for an entry that is no origin."""
        entries = [entry.strip() for entry in origins.split(",") if entry.strip()]
        self._any = "*" in entries
        self.pattern = "|".join(_patterns([own, *(entry for entry in entries if entry != "*")]))
        """A regular expression that matches exactly the allowed origins."""
        if self._any:
            self.pattern = ".*"
        self._compiled = re.compile(self.pattern)

    def __call__(self, origin: str) -> bool:
        """Whether pages of this origin may call."""
        return self._compiled.fullmatch(origin) is not None


class Cors:
    """ASGI middleware: pages of allowed origins may call and read the answer. Starlette answers preflights.

    Any other request costs a look into a bounded memory: what an origin adds to an answer never changes.
    """

    def __init__(self, app: ASGIApp, *, allowed: AllowedOrigins) -> None:
        self._app = app
        self._allowed = allowed
        self._added = lru_cache(maxsize=KNOWN_ORIGINS)(self._headers_for)
        self._preflight = CORSMiddleware(
            app,
            allow_origin_regex=allowed.pattern,
            allow_methods=METHODS,
            allow_headers=MAY_SEND,
            expose_headers=(MAY_READ,),
            max_age=PREFLIGHT_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or pass the request on and add what its origin needs to read the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await self._preflight(scope, receive, send)
        else:
            await self._app(scope, receive, sending(send, self._added(header(scope, b"origin"))))

    def _headers_for(self, origin: bytes | None) -> RawHeaders:
        varies = (b"vary", b"Origin")
        if origin is None:
            return (varies,)
        readable = (b"access-control-expose-headers", MAY_READ.encode())
        if not self._allowed(origin.decode("latin-1")):
            return (readable, varies)
        return (readable, (b"access-control-allow-origin", origin), varies)


def _patterns(entries: Iterable[str]) -> Iterable[str]:
    for entry in entries:
        base, wildcard = (entry[:-2], "(:[0-9]+)?") if entry.endswith(":*") else (entry, "")
        parts = urlsplit(base)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query:
            msg = f"CORS_ORIGINS: {entry!r} is no origin; write for example http://localhost:5173 or http://localhost:*"
            raise OriginError(msg)
        yield re.escape(base) + wildcard
