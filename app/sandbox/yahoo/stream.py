"""Yahoo's stream: a WebSocket at `/streamer` that tells the prices of the symbols that a client names.

Comes in: `{"subscribe": [..]}` and `{"unsubscribe": [..]}`. Goes out: a message for each symbol when it is subscribed,
and another whenever it has traded since the last round; nothing else, no heartbeat and no answer to what is unknown.
"""

from collections.abc import Sequence
from typing import NamedTuple

import anyio
import structlog
from anyio.lowlevel import checkpoint
from starlette.responses import PlainTextResponse, Response
from starlette.websockets import WebSocket

from app.ports import Clock
from app.sandbox.faults import Faults
from app.sandbox.gate import struck
from app.sandbox.settings import SandboxSettings
from app.sandbox.traffic import Seen, Traffic
from app.sandbox.yahoo.desk import Desk
from app.sandbox.yahoo.pricing_data import pricing_data, pricing_message
from app.sandbox.yahoo.stream_socket import StreamSocket

PATH = "/streamer"
MAX_SOCKETS = 64
"""Of all clients; a service needs one."""
LOOKS = 5
"""Symbols looked at before other tasks get their turn: a millisecond, ten at the turn of a minute."""
SANDBOX_HEADERS = [(b"x-sandbox", b"true")]
_log = structlog.get_logger()


class _Seen(NamedTuple):
    shown: tuple[float, int]
    """Price and volume: where neither moves there was no trade."""
    message: str


class Stream:
    """Every socket of one sandbox, and the levers of the control endpoint."""

    def __init__(
        self, settings: SandboxSettings, *, clock: Clock, desk: Desk, faults: Faults, traffic: Traffic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._desk = desk
        self._faults = faults
        self._traffic = traffic
        self._open: list[StreamSocket] = []
        self._last: dict[str, tuple[float, int]] = {}

    def sockets(self) -> Sequence[StreamSocket]:
        """The open sockets, oldest first; a copy."""
        return tuple(self._open)

    async def endpoint(self, websocket: WebSocket) -> None:
        """One connection, from its upgrade to its end."""
        refused = await self._refused()
        self._traffic.count(Seen("yahoo_stream", "GET", PATH, 0, refused.status_code if refused else 101))
        if refused:
            refused.headers["X-Sandbox"] = "true"
            await websocket.send_denial_response(refused)
            return
        socket = StreamSocket(websocket, clock=self._clock, max_outbox_bytes=self._settings.max_outbox_bytes)
        self._open.append(socket)
        try:
            await websocket.accept(headers=SANDBOX_HEADERS)
            await socket.serve(self._subscribed)
        finally:
            self._open.remove(socket)
            socket.drop()

    async def _refused(self) -> Response | None:
        answer = await struck(self._faults, PATH)
        if answer is None and len(self._open) >= MAX_SOCKETS:
            return PlainTextResponse("Too Many Requests\r\n", 429)
        return answer

    async def _subscribed(self, socket: StreamSocket, symbols: Sequence[str]) -> None:
        """Carry those symbols that are known, and say at once where they stand."""
        known = [symbol for symbol in symbols if symbol in self._desk.directory]
        socket.symbols.update(dict.fromkeys(known))
        for number, symbol in enumerate(known, start=1):
            seen = self._look(symbol)
            if seen is not None:
                self._last.setdefault(symbol, seen.shown)
                socket.offer(seen.message)
            if number % LOOKS == 0:
                await checkpoint()

    async def run(self) -> None:
        """Tell what has traded, round by round, until cancelled."""
        while True:
            started = self._clock.monotonic()
            try:
                await self.round()
            except Exception as error:  # noqa: BLE001  a supervised loop: one bad price must not end the stream
                _log.error("sandbox_yahoo_round_failed", error=repr(error))
            spent = self._clock.monotonic() - started
            await anyio.sleep(max(0.0, self._settings.yahoo_stream_seconds - spent))

    async def round(self) -> None:
        """Send every subscribed symbol that has traded since the last round."""
        wanted = {symbol for socket in self._open for symbol in socket.symbols}
        self._last = {symbol: self._last[symbol] for symbol in self._last if symbol in wanted}
        for number, symbol in enumerate(sorted(wanted), start=1):
            seen = self._look(symbol)
            if seen is not None and self._last.get(symbol) != seen.shown:
                self._last[symbol] = seen.shown
                self._distribute(symbol, seen.message)
            if number % LOOKS == 0:
                await checkpoint()

    def _distribute(self, symbol: str, message: str) -> None:
        for socket in self._open:
            if symbol in socket.symbols:
                socket.offer(message)

    def _look(self, symbol: str) -> _Seen | None:
        """What a symbol shows now; None for what is delisted, missing or never traded."""
        security = self._desk.directory[symbol]
        reading = None if self._desk.faults.is_delisted(symbol) else self._desk.reading(security)
        if reading is None:
            return None
        state = self._desk.market_state(security, reading)
        message = pricing_message(pricing_data(security, reading, state))
        return _Seen((reading.price, reading.volume), message)

    # ------------------------------------------------------------ levers of the control endpoint

    def silence(self, count: int | None, seconds: float | None) -> int:
        """Say nothing more on the sockets that are open now (the oldest `count`); how many. Later ones are sound."""
        chosen = self.sockets()[:count]
        for socket in chosen:
            socket.stall(seconds)
        return len(chosen)

    def unstall(self) -> None:
        """Let every silent socket speak again."""
        for socket in self._open:
            socket.stall(0.0)

    def abort(self, count: int | None) -> int:
        """Lose the sockets that are open now (the oldest `count`) without a close frame; how many."""
        chosen = self.sockets()[:count]
        for socket in chosen:
            socket.drop()
        return len(chosen)

    def close(self, count: int | None) -> int:
        """End the sockets that are open now (the oldest `count`) in good order, with code 1000; how many."""
        chosen = self.sockets()[:count]
        for socket in chosen:
            socket.close()
        return len(chosen)
