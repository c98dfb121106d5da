"""The way of shared results to one client: pieces of bytes in, and a no instead of a wait when the client is slow.

Used by `socket` and `sse` for members of shared streams. Where the server lends its own way (`app.websocket_protocol`)
results go straight to the TCP transport; else a `Writer` sends them by ASGI.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, cast

from starlette.types import Scope

DIRECT = "websocket.direct"
"""The server's own way in the ASGI scope's extensions."""

BACKLOG_BYTES = 64 * 1024
"""What may wait in a Writer beside the one message that is being sent."""
STALL_SECONDS = 30.0
"""How long one message may take to be sent before the client counts as gone."""


class Wire(Protocol):
    """To one connection."""

    def try_send(self, head: bytes, body: bytes, tail: bytes) -> bool:
        """Send the three as one message; False and nothing sent if the connection cannot take it now."""
        ...

    def when_drained(self, callback: Callable[[], None]) -> None:
        """Call back once, when it takes more; never, if it ends before."""
        ...


def direct_wire(scope: Scope) -> Wire | None:
    """The server's own way to this client, if it has one."""
    return cast("Wire | None", scope.get("extensions", {}).get(DIRECT))


class Stalled(Exception):
    """The client took nothing for `stall_seconds`."""


class Writer:
    """A Wire over an asynchronous send.

    Buffered: BACKLOG_BYTES and one message. Full policy: `try_send` says no. For one event loop.
    """

    def __init__(self, send: Callable[[bytes], Awaitable[None]], *, stall_seconds: float = STALL_SECONDS) -> None:
        self._send = send
        self._stall_seconds = stall_seconds
        self._queue: list[bytes] = []
        self._size = 0
        self._filled = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._waiting: list[Callable[[], None]] = []

    def try_send(self, head: bytes, body: bytes, tail: bytes) -> bool:
        """Queue a message for sending."""
        if self._size > BACKLOG_BYTES:
            return False
        message = b"".join((head, body, tail))
        self._queue.append(message)
        self._size += len(message)
        self._empty.clear()
        self._filled.set()
        return True

    def when_drained(self, callback: Callable[[], None]) -> None:
        """Call back once, when everything was sent."""
        self._waiting.append(callback)

    async def flushed(self) -> None:
        """Returns when everything was sent."""
        await self._empty.wait()

    async def run(self) -> None:
        """Send what comes, until cancelled. Raises Stalled."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            queue, self._queue = self._queue, []
            for message in queue:
                await self._send_one(message)
                self._size -= len(message)
            if not self._queue:
                self._drain()

    async def _send_one(self, message: bytes) -> None:
        try:
            async with asyncio.timeout(self._stall_seconds):
                await self._send(message)
        except TimeoutError:
            raise Stalled from None

    def _drain(self) -> None:
        self._empty.set()
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()
