"""One ticker socket: its subscriptions and its bounded outbox.

Comes in: frames from the ticker's clockwork, which never waits for a socket. Goes out: WebSocket messages, in order.
A socket that does not read is dropped when its outbox is full; a stalled one stays open and says nothing.
"""

from collections import deque
from contextlib import suppress

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.domain.quotes import StreamMode
from app.ports import Clock

Message = bytes | str
NEVER = float("inf")


class TickerSocket:
    """The server's side of one connection. `offer` is synchronous and never raises; `write` is its only writer."""

    def __init__(self, websocket: WebSocket, *, clock: Clock, max_outbox_bytes: int) -> None:
        self.subscriptions: dict[int, StreamMode] = {}
        self.scope = anyio.CancelScope()
        """Cancelling it drops the connection without a close frame, as a lost line does."""
        self.frames_sent = 0
        self.overflowed = False
        self._websocket = websocket
        self._clock = clock
        self._max_outbox_bytes = max_outbox_bytes
        self._outbox: deque[Message] = deque()
        self._outbox_bytes = 0
        self._stalled_until = 0.0
        self._filled = anyio.Event()
        self._drained = anyio.Event()

    @property
    def stalled(self) -> bool:
        """Whether everything that is offered is thrown away at present."""
        return self._clock.monotonic() < self._stalled_until

    def stall(self, seconds: float | None) -> None:
        """Say nothing for a while; None: never again."""
        self._stalled_until = NEVER if seconds is None else self._clock.monotonic() + seconds

    def drop(self) -> None:
        """Lose the connection at once."""
        self.scope.cancel()
        self._drained.set()

    def offer(self, message: Message) -> None:
        """Send in the background. A full outbox drops the connection."""
        if self.stalled or self.scope.cancel_called:
            return
        if self._outbox_bytes + len(message) > self._max_outbox_bytes:
            self.overflowed = True
            self.drop()
            return
        self._outbox.append(message)
        self._outbox_bytes += len(message)
        self._filled.set()

    async def room(self) -> None:
        """Wait until the outbox is empty, for senders that can wait."""
        while self._outbox_bytes and not self.scope.cancel_called:
            self._drained = anyio.Event()
            await self._drained.wait()

    async def write(self) -> None:
        """Send what is offered until cancelled or until the client is gone."""
        with suppress(WebSocketDisconnect):
            await self._write_all()

    async def _write_all(self) -> None:
        while True:
            await self._filled.wait()
            while self._outbox:
                message = self._outbox.popleft()
                await self._send(message)
                self._outbox_bytes -= len(message)
                self.frames_sent += 1
            self._filled = anyio.Event()
            self._drained.set()

    async def _send(self, message: Message) -> None:
        if isinstance(message, str):
            await self._websocket.send_text(message)
        else:
            await self._websocket.send_bytes(message)
