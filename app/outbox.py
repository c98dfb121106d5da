"""Answers leave the server together, at the end of a turn of the event loop: one outbox for each server.

`app.server` puts whole answers in. Each write to a socket wakes its client, and where clients wait for us, waking one
costs as much as a third of a small request. Written one after the other, the first wakes the client and the others find
it awake. What is not a whole answer, and what ends a connection, goes out at once, after all that waits.
"""

import asyncio

MAX_ANSWERS = 32
"""Answers that wait for each other: a turn with more, or with slow ones, must not hold up the first."""
MAX_BYTES = 256 * 1024
"""Bytes that wait; beside writing so much, waking a client is nothing."""


class Outbox:
    """Whole answers until the end of the turn. For the one event loop that runs its server."""

    def __init__(self) -> None:
        self._waiting: list[tuple[asyncio.WriteTransport, bytes]] = []
        self._bytes = 0

    def put(self, transport: asyncio.WriteTransport, answer: bytes) -> None:
        """Write it when everything that the loop has at hand is done, or now if that is much."""
        waiting = self._waiting
        if not waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        waiting.append((transport, answer))
        self._bytes += len(answer)
        if len(waiting) >= MAX_ANSWERS or self._bytes >= MAX_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits, in the order in which it came; connections that have ended meanwhile are passed over."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        self._bytes = 0
        for transport, answer in waiting:
            if not transport.is_closing():
                transport.write(answer)


class OneWrite:
    """The transport of one answer: its head and its body go out at once if its length is known.

    A stream has no length, so its head goes out as soon as it is there.
    """

    __slots__ = ("_head", "_outbox", "_transport")

    def __init__(self, transport: asyncio.WriteTransport, outbox: Outbox) -> None:
        self._transport = transport
        self._outbox = outbox
        self._head: bytes | None = None

    def hold(self, head: bytes) -> None:
        """Keep a head whose body follows."""
        self._head = head

    def write(self, data: bytes) -> None:
        """Put head and body in the outbox; what has no head waiting is written at once."""
        if self._head is not None:
            data, self._head = self._head + data, None
            self._outbox.put(self._transport, data)
        elif data:
            self._outbox.flush()
            self._transport.write(data)

    def is_closing(self) -> bool:
        """Whether the connection is about to end."""
        return self._transport.is_closing()

    def close(self) -> None:
        """End the connection, after what was held back."""
        if self._head is not None:
            self.write(b"")
        self._outbox.flush()
        self._transport.close()
