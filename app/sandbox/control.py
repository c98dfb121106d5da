"""The local control endpoint: faults, texts and statistics.

Comes in: JSON of a test, the demo or a curious person. Goes out: what is wrong from now on, and what was seen so far.
Not part of Kite; every path begins with `/sandbox`.
"""

from dataclasses import asdict
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.sandbox.envelope import KiteError, success
from app.sandbox.faults import STANDING, YAHOO, BadFault, Fault, Faults, parse_fault
from app.sandbox.prices import PriceDesk
from app.sandbox.sessions import Sessions
from app.sandbox.settings import SandboxSettings
from app.sandbox.ticker import Ticker
from app.sandbox.traffic import Traffic
from app.sandbox.yahoo.yahoo import Yahoo

MAX_BODY_BYTES = 1024 * 1024
"""A fault has a hundred bytes, a text message at most some thousand."""
DEFAULT_BURST = 100


async def _json(request: Request) -> Any:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise KiteError(400, f"A body has at most {MAX_BODY_BYTES} bytes")
    try:
        return orjson.loads(body)
    except ValueError:
        raise KiteError(400, "The body is no JSON") from None


class Control:
    """The levers of one sandbox."""

    def __init__(  # noqa: PLR0913 - the levers of every part of the sandbox meet here
        self,
        settings: SandboxSettings,
        *,
        faults: Faults,
        prices: PriceDesk,
        sessions: Sessions,
        ticker: Ticker,
        traffic: Traffic,
        yahoo: Yahoo,
    ) -> None:
        self._settings = settings
        self._prices = prices
        self._faults = faults
        self._sessions = sessions
        self._ticker = ticker
        self._traffic = traffic
        self._yahoo = yahoo

    def routes(self) -> list[Route]:
        """Everything under `/sandbox`."""
        return [
            Route("/sandbox/faults", self.add_fault, methods=["POST"]),
            Route("/sandbox/faults", self.clear_faults, methods=["DELETE"]),
            Route("/sandbox/faults", self.list_faults, methods=["GET"]),
            Route("/sandbox/stats", self.stats, methods=["GET"]),
            Route("/sandbox/stats", self.reset_stats, methods=["DELETE"]),
            Route("/sandbox/text", self.push_text, methods=["POST"]),
            Route("/sandbox/calendar", self.calendar, methods=["GET"]),
        ]

    async def add_fault(self, request: Request) -> Response:
        """Make something wrong; `hit` says how many sockets, sessions or packets an action reached."""
        try:
            fault = parse_fault(await _json(request))
            hit = await self.inflict(fault)
        except BadFault as error:
            raise KiteError(400, str(error)) from None
        shown = {name: value for name, value in asdict(fault).items() if name != "until"}
        return success({"fault": shown, "hit": hit})

    async def inflict(self, fault: Fault) -> int:
        """Let a fault stand, or do what it says; how many sockets, sessions or packets it reached at once.

        Raises BadFault for an instrument that is not listed.
        """
        token = self._check_instrument(fault)
        if fault.kind in STANDING:
            self._faults.add(fault)
            return 0
        if fault.kind.startswith(YAHOO):
            return self._yahoo.inflict(fault)
        if fault.kind == "stall_socket":
            return self._ticker.stall(fault.count, fault.seconds)
        if fault.kind == "drop_socket":
            return self._ticker.drop(fault.count)
        if fault.kind == "dead_token":
            return await self._sessions.end_all()
        return await self._ticker.clockwork.burst(fault.count or DEFAULT_BURST, token)

    def _check_instrument(self, fault: Fault) -> int | None:
        """The token of the fault's instrument, if it has one of Kite's."""
        if fault.instrument is None:
            return None
        if fault.kind.startswith(YAHOO):
            if not self._yahoo.knows(fault.instrument):
                raise BadFault(f"{fault.instrument[:40]!r} is no symbol of Yahoo's; write it as INFY.NS or ^NSEI")
            return None
        token = self._prices.token_of(fault.instrument)
        if token is None:
            raise BadFault(f"{fault.instrument[:40]!r} is not listed; write EXCHANGE:SYMBOL, for example NSE:INFY")
        return token

    async def clear_faults(self, _request: Request) -> Response:
        """Nothing is wrong any more; dead sessions stay dead."""
        self._faults.clear()
        self._ticker.unstall()
        self._yahoo.stream.unstall()
        return success({"faults": []})

    async def list_faults(self, _request: Request) -> Response:
        """The faults that hold."""
        return success({"faults": self._faults.listed()})

    async def stats(self, _request: Request) -> Response:
        """Counters since the start or the last reset, and the state of the ticker."""
        sockets = self._ticker.sockets()
        return success(
            {
                "requests": {
                    "by_class": dict(self._traffic.by_class),
                    "by_path": dict(self._traffic.by_path),
                    "by_status": {str(status): count for status, count in self._traffic.by_status.items()},
                },
                "sockets": [
                    {"subscribed": len(socket.subscriptions), "stalled": socket.stalled, "frames": socket.frames_sent}
                    for socket in sockets
                ],
                "open_sockets": len(sockets),
                "subscribed_tokens": len({token for socket in sockets for token in socket.subscriptions}),
                "frames_sent": self._ticker.frames_sent,
                "packets_sent": self._ticker.clockwork.packets_sent,
                "rounds": self._ticker.clockwork.rounds,
                "sockets_dropped_slow": self._ticker.dropped_slow,
                "yahoo_sockets": [
                    {"subscribed": len(socket.symbols), "stalled": socket.stalled, "frames": socket.frames_sent}
                    for socket in self._yahoo.stream.sockets()
                ],
                "sessions": len(self._sessions),
                "faults": self._faults.listed(),
            }
        )

    async def reset_stats(self, _request: Request) -> Response:
        """Count requests anew."""
        self._traffic.reset()
        return success({})

    async def push_text(self, request: Request) -> Response:
        """Send a message to every socket: the object itself as text, `{"raw": text}` verbatim, `{"hex": ..}` binary."""
        body = await _json(request)
        if not isinstance(body, dict):
            raise KiteError(
                400, 'Send an object: {"type": "order", "data": {}}, {"raw": "any text"} or {"hex": "00ff"}'
            )
        return success({"sockets": self._ticker.push(_message(body))})

    async def calendar(self, _request: Request) -> Response:
        """Which calendar the simulated market follows: always-open or indian."""
        return success({"calendar": self._settings.calendar})


def _message(body: dict[str, Any]) -> str | bytes:
    if isinstance(body.get("raw"), str):
        return str(body["raw"])
    if isinstance(body.get("hex"), str):
        try:
            return bytes.fromhex(body["hex"])
        except ValueError:
            raise KiteError(400, "`hex` must be hexadecimal digits") from None
    return orjson.dumps(body).decode()
