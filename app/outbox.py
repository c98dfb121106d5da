"""Answers leave the server together, at the end of a turn of the event loop: one outbox for each server.

`app.server` puts whole answers in. Each write to a socket wakes its client, and where clients wait for us, waking one
costs as much as a third of a small request. Written one after the other, the first wakes the client and the others find
it awake. What is not a whole answer, and what ends a connection, goes out at once, after all that waits.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

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
    """A cycle's transport that writes head and body of an answer at once, if its length is known.

    uvicorn writes each by itself. A stream has no length, so its head goes out as soon as it is there.
    """

    __slots__ = ("_cycle", "_head", "_outbox", "_transport")

    def __init__(self, cycle: RequestResponseCycle, outbox: Outbox) -> None:
        self._cycle: RequestResponseCycle | None = cycle
        """Until its head is written."""
        self._transport = cycle.transport
        self._outbox = outbox
        self._head: bytes | None = None

    def write(self, data: bytes) -> None:
        """Hold back a head whose body follows, put both in the outbox; else write."""
        if self._head is not None:
            data, self._head = self._head + data, None
            self._outbox.put(self._transport, data)
        elif self._holds_back():
            self._head = data
        else:
            self._outbox.flush()
            self._transport.write(data)

    def _holds_back(self) -> bool:
        """Whether this is the head of an answer of known length, which uvicorn has read by then."""
        cycle = self._cycle
        if cycle is None or not cycle.response_started:
            return False
        self._cycle = None  # or each would keep the other until the cyclic collector comes by
        return cycle.expected_content_length > 0 and cycle.scope["method"] != "HEAD"

    def is_closing(self) -> bool:
        """Whether the connection is about to end."""
        return self._transport.is_closing()

    def close(self) -> None:
        """End the connection, after what was held back."""
        if self._head is not None:
            self.write(b"")
        self._outbox.flush()
        self._transport.close()
