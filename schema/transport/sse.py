"""GraphQL over Server-Sent Events, distinct connections mode: one response, one operation, many events.

`http` hands over a response that it has decided to stream. The stream ends when its operation does, when the client
goes away, or when the service stops; in each case the operation's source is closed before `run` returns.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from starlette.types import Receive, Send

from schema.execution.engine import Result
from schema.live.streams import Serve
from schema.transport.encode import encode
from schema.transport.negotiate import Media
from schema.transport.wire import Stalled, Writer

COMMENT = b":\n\n"
"""Says nothing, and keeps proxies from taking a quiet market for a dead connection."""
COMPLETE = b"event: complete\ndata: \n\n"
"""With an empty data line: without one EventSource does not dispatch the event."""

HEADERS = [
    (b"content-type", Media.EVENTS.encode() + b"; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
    (b"vary", b"accept"),
]


NEXT_HEAD, NEXT_TAIL = b"event: next\ndata: ", b"\n\n"
"""Around a result in a `next` event. JSON has no line breaks, so one data line holds it."""


def event(result: Result) -> bytes:
    """A `next` event."""
    return NEXT_HEAD + encode(result) + NEXT_TAIL


async def single(result: Result) -> AsyncGenerator[Result, None]:
    """A stream of one result, for what has only one."""
    yield result


class _EventOutlet:
    """The Outlet of a shared stream to one response."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self.when_ready = writer.when_drained

    def write(self, encoded: bytes) -> bool:
        return self._writer.try_send(NEXT_HEAD, encoded, NEXT_TAIL)


class EventStream:
    """One response. Not buffered: each event is written when the client's socket has taken the last one.

    A member of a shared stream is written to by the stream, through a Writer.
    """

    def __init__(self, receive: Receive, send: Send, *, keep_alive_seconds: float) -> None:
        self._receive = receive
        self._send = send
        self._keep_alive_seconds = keep_alive_seconds
        self._pump: asyncio.Task[None] | None = None

    async def run(self, results: AsyncGenerator[Result, None] | Serve) -> None:
        """Send everything, until the results end, the client leaves or `stop` is called."""
        send_all = self._send_all(results) if isinstance(results, AsyncGenerator) else self._send_shared(results)
        await self._send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await self._write(COMMENT)
        async with asyncio.TaskGroup() as group:
            self._pump = group.create_task(send_all)
            beside = [group.create_task(self._watch(self._pump)), group.create_task(self._keep_alive())]
            await asyncio.wait([self._pump])
            for task in beside:
                task.cancel()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def stop(self) -> None:
        """End the response without `complete`, so that the client connects again."""
        if self._pump is not None:
            self._pump.cancel()

    async def _send_all(self, results: AsyncGenerator[Result, None]) -> None:
        async with aclosing(results) as stream:
            await self._each(stream)
        await self._write(COMPLETE)

    async def _send_shared(self, serve: Serve) -> None:
        writer, last = Writer(self._write), None
        try:
            async with asyncio.TaskGroup() as group:
                writing = group.create_task(writer.run())
                last = await serve(_EventOutlet(writer))
                await writer.flushed()
                writing.cancel()
        except* Stalled:
            last = None
        if last is None:
            return
        if last:
            await self._write(event(last))
        await self._write(COMPLETE)

    async def _each(self, stream: AsyncIterator[Result]) -> None:
        async for result in stream:
            await self._write(event(result))

    async def _watch(self, pump: asyncio.Task[None]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        pump.cancel()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._keep_alive_seconds)
            await self._write(COMMENT)

    async def _write(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": True})
