"""One socket of Yahoo's stream: the symbols that it carries, and its bounded outbox.

Comes in: a client's commands, and messages from the stream. Goes out: text messages, in order, until either side ends.
"""

from collections.abc import Awaitable, Callable, Sequence

import anyio
import orjson
from starlette.websockets import WebSocket

from app.ports import Clock
from app.sandbox.connection import TickerSocket

Subscribed = Callable[["StreamSocket", Sequence[str]], Awaitable[None]]


class StreamSocket(TickerSocket):
    """The server's side of one connection; what is offered and how it ends is as the ticker's."""

    def __init__(self, websocket: WebSocket, *, clock: Clock, max_outbox_bytes: int) -> None:
        super().__init__(websocket, clock=clock, max_outbox_bytes=max_outbox_bytes)
        self.symbols: dict[str, None] = {}
        """What it carries, in the order of subscription."""
        self._closing = anyio.Event()

    def close(self) -> None:
        """End in good order, soon."""
        self._closing.set()

    async def serve(self, subscribed: Subscribed) -> None:
        """Write, and obey what is read, until the client leaves or the socket is closed or dropped."""
        with self.scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self.write)
                tasks.start_soon(self._close_when_asked)
                await self._read(subscribed)
                tasks.cancel_scope.cancel()

    async def _close_when_asked(self) -> None:
        await self._closing.wait()
        await self._websocket.close(1000)
        self.drop()

    async def _read(self, subscribed: Subscribed) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            subscribe, unsubscribe = parse_command(message.get("text") or message.get("bytes") or b"")
            for symbol in unsubscribe:
                self.symbols.pop(symbol, None)
            if subscribe:
                await subscribed(self, subscribe)


def parse_command(message: str | bytes) -> tuple[list[str], list[str]]:
    """Symbols to subscribe and to unsubscribe; nothing of what Yahoo would not understand."""
    try:
        body = orjson.loads(message)
    except ValueError:
        return [], []
    return (_symbols(body.get("subscribe")), _symbols(body.get("unsubscribe"))) if isinstance(body, dict) else ([], [])


def _symbols(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
