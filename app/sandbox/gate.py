"""The gate that every HTTP request passes: it labels, counts, refuses long addresses and applies faults.

Comes in: ASGI requests. Goes out: the sandbox's answer with `X-Sandbox: true`, or the fault's. Made by `build_sandbox`.
WebSocket upgrades pass through: the ticker looks after its own.
"""

import anyio
from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.sandbox.envelope import failure
from app.sandbox.faults import DELAYS, YAHOO_ANSWERS, Fault, Faults
from app.sandbox.traffic import Seen, Traffic, endpoint_class, instruments_asked
from app.sandbox.yahoo.faults import yahoo_fault_answer

CONTROL_PREFIX = "/sandbox"
_NGINX_414 = (
    "<html>\r\n<head><title>414 Request-URI Too Large</title></head>\r\n<body>\r\n"
    "<center><h1>414 Request-URI Too Large</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
_NGINX_502 = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)


def fault_answer(fault: Fault) -> Response:
    """The answer that a fault gives in place of the sandbox."""
    if fault.kind in YAHOO_ANSWERS:
        return yahoo_fault_answer(fault)
    if fault.kind == "http_error":
        kind = "NetworkException" if fault.status in {502, 503, 504} else "GeneralException"
        return failure(fault.status, "Simulated fault of the sandbox", kind)
    if fault.kind == "rate_limit":
        return failure(429, "Too many requests", "NetworkException")
    if fault.kind == "html_502":
        return HTMLResponse(_NGINX_502, 502)
    bodies = {
        "garbage": b'{"status":"success","data":{"NSE:INF',
        "no_error_type": b'{"status":"error","message":"Simulated fault of the sandbox"}',
        "json_list": b'["Simulated fault of the sandbox"]',
        "no_content_type": b"Simulated fault of the sandbox",
    }
    status = 500 if fault.kind == "no_error_type" else 200
    answer = Response(bodies[fault.kind], status, media_type="application/json")
    if fault.kind == "no_content_type":
        del answer.headers["content-type"]
    return answer


async def struck(faults: Faults, path: str) -> Response | None:
    """Wait out a latency that hits the path, then the answer of a fault that hits it, if there is one."""
    answer = None
    for fault in faults.hitting(path):
        if fault.kind in DELAYS:
            await anyio.sleep(fault.seconds or 0.0)
        else:
            answer = fault_answer(fault)
    return answer


class Gate:
    """ASGI middleware of the whole sandbox."""

    def __init__(self, app: ASGIApp, *, faults: Faults, traffic: Traffic, max_url_bytes: int) -> None:
        self._app = app
        self._faults = faults
        self._traffic = traffic
        self._max_url_bytes = max_url_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass, answer or delay one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def labelled(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Sandbox"] = "true"
            await send(message)

        try:
            answer = await self._intercept(scope)
            await (answer or self._app)(scope, receive, labelled)
        finally:
            self._count(scope, status)

    async def _intercept(self, scope: Scope) -> Response | None:
        if len(scope["raw_path"]) + 1 + len(scope["query_string"]) > self._max_url_bytes:
            return HTMLResponse(_NGINX_414, 414)
        path: str = scope["path"]
        return None if path.startswith(CONTROL_PREFIX) else await struck(self._faults, path)

    def _count(self, scope: Scope, status: int) -> None:
        path: str = scope["path"]
        if path.startswith(CONTROL_PREFIX):
            return
        asked = instruments_asked(scope["query_string"])
        self._traffic.count(Seen(endpoint_class(path), scope["method"], path[:200], asked, status))
