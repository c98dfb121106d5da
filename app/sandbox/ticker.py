"""The ticker: Kite's WebSocket.

Comes in: upgrades with api_key and access_token, and the clients' commands. Goes out: 403 or 429 at the upgrade, or a
socket that the clockwork feeds. Once open, a socket lives on when its session dies, as Kite's does.
"""

from collections.abc import Sequence

import anyio
import orjson
from starlette.responses import Response
from starlette.websockets import WebSocket

from app.ports import Clock
from app.sandbox.clockwork import Clockwork
from app.sandbox.commands import BadCommand, apply_command, parse_command
from app.sandbox.connection import Message, TickerSocket
from app.sandbox.envelope import KiteError, refusal
from app.sandbox.faults import TICKER_PATH, Faults
from app.sandbox.gate import struck
from app.sandbox.prices import PriceDesk
from app.sandbox.sessions import Sessions
from app.sandbox.settings import SandboxSettings
from app.sandbox.traffic import Seen, Traffic

SANDBOX_HEADERS = [(b"x-sandbox", b"true")]


def _text(kind: str, data: object) -> str:
    return orjson.dumps({"type": kind, "data": data}).decode()


class Ticker:
    """Every socket of one sandbox, and the levers of the control endpoint."""

    def __init__(
        self,
        settings: SandboxSettings,
        *,
        clock: Clock,
        prices: PriceDesk,
        sessions: Sessions,
        faults: Faults,
        traffic: Traffic,
    ) -> None:
        self.clockwork = Clockwork(settings, clock=clock, prices=prices, sockets=self.sockets)
        self.dropped_slow = 0
        self._frames_of_the_gone = 0
        self._settings = settings
        self._clock = clock
        self._sessions = sessions
        self._faults = faults
        self._traffic = traffic
        self._open: list[TickerSocket] = []
        self._meta = _text("instruments_meta", {"count": prices.instrument_count, "etag": 'W/"sandbox"'})

    def sockets(self) -> Sequence[TickerSocket]:
        """The open sockets, oldest first; a copy."""
        return tuple(self._open)

    @property
    def frames_sent(self) -> int:
        """Messages of all sockets ever, heartbeats and texts included."""
        return self._frames_of_the_gone + sum(socket.frames_sent for socket in self._open)

    async def endpoint(self, websocket: WebSocket) -> None:
        """One connection, from its upgrade to its end."""
        refused = await self._refused(websocket)
        self._traffic.count(
            Seen("ticker", "GET", TICKER_PATH, 0, refused.status_code if refused else 101),
        )
        if refused:
            refused.headers["X-Sandbox"] = "true"
            await websocket.send_denial_response(refused)
            return
        socket = TickerSocket(websocket, clock=self._clock, max_outbox_bytes=self._settings.max_outbox_bytes)
        self._open.append(socket)
        try:
            await websocket.accept(headers=SANDBOX_HEADERS)
            await self._serve(websocket, socket)
        finally:
            self._open.remove(socket)
            socket.drop()
            self._frames_of_the_gone += socket.frames_sent
            self.dropped_slow += socket.overflowed

    async def _refused(self, websocket: WebSocket) -> Response | None:
        answer = await struck(self._faults, TICKER_PATH)
        if answer is not None:
            return answer
        query = websocket.query_params
        if not self._sessions.accepts(query.get("api_key", ""), query.get("access_token", "")):
            return refusal(KiteError(403, "Incorrect `api_key` or `access_token`."))
        if len(self._open) >= self._settings.max_sockets:
            return refusal(KiteError(429, "Too many connections"))
        return None

    async def _serve(self, websocket: WebSocket, socket: TickerSocket) -> None:
        socket.offer(self._meta)
        with socket.scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(socket.write)
                await self._read(websocket, socket)
                tasks.cancel_scope.cancel()

    async def _read(self, websocket: WebSocket, socket: TickerSocket) -> None:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            await self._obey(socket, message.get("text") or message.get("bytes") or b"")

    async def _obey(self, socket: TickerSocket, raw: Message) -> None:
        try:
            command = parse_command(raw)
        except BadCommand as error:
            socket.offer(_text("error", str(error)))
            return
        tokens, complaint = apply_command(socket.subscriptions, command, self._settings.max_tokens_per_socket)
        if complaint is not None:
            socket.offer(_text("error", complaint))
        await self.clockwork.first_packets(socket, tokens, command.mode)

    # ------------------------------------------------------------ levers of the control endpoint

    def stall(self, count: int | None, seconds: float | None) -> int:
        """Silence the sockets that are open now (the oldest `count`); how many. Later ones are sound."""
        chosen = self.sockets()[:count]
        for socket in chosen:
            socket.stall(seconds)
        return len(chosen)

    def unstall(self) -> None:
        """Let every stalled socket speak again."""
        for socket in self._open:
            socket.stall(0.0)

    def drop(self, count: int | None) -> int:
        """Lose the sockets that are open now (the oldest `count`); how many."""
        chosen = self.sockets()[:count]
        for socket in chosen:
            socket.drop()
        return len(chosen)

    def push(self, message: Message) -> int:
        """Send one message to every socket; to how many."""
        for socket in self._open:
            socket.offer(message)
        return len(self._open)
