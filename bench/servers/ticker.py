"""A ticker whose packets carry the moment they were sent. `python -m bench.servers.ticker PORT BASE RATE`.

Kite's wire: whoever subscribes gets a first packet of each instrument, then RATE full packets a second of each, evenly
spread, in a message every 10 ms. The volume of a packet is the microseconds since BASE, a reading of the monotonic
clock in nanoseconds that all processes of a machine share: so any client can tell how old it is.
"""

import sys
from collections.abc import Iterable
from itertools import cycle, islice
from time import monotonic_ns

import anyio
import orjson
from websockets.asyncio.server import ServerConnection, serve

from tests.kite_ticker.wire import HEARTBEAT, frame, simple_full

MESSAGE_SECONDS = 0.01
BEAT_SECONDS = 1.0
SLICE = 200
"""Packets of a message when many tokens are new."""
MIXER = 2_654_435_761
"""Knuth's multiplicative hash."""
PRICE, PRICES = 100_000, 500
"""In paise: the lowest, and how many there are."""


class StampedTicker:
    """Every socket has its own subscriptions and its own pace."""

    def __init__(self, base: int, rate: float) -> None:
        self._base = base
        self._rate = rate

    async def attend(self, socket: ServerConnection) -> None:
        """One socket's life."""
        tokens: dict[int, None] = {}
        async with anyio.create_task_group() as group:
            group.start_soon(self._beat, socket)
            group.start_soon(self._tick, socket, tokens)
            async for message in socket:
                await self._obey(socket, tokens, orjson.loads(message))
            group.cancel_scope.cancel()

    async def _obey(self, socket: ServerConnection, tokens: dict[int, None], request: dict[str, list[int]]) -> None:
        action, value = str(request["a"]), request["v"]
        if action == "unsubscribe":
            for token in value:
                tokens.pop(token, None)
        if action == "subscribe":
            tokens.update(dict.fromkeys(value))
            for first in range(0, len(value), SLICE):
                await socket.send(frame(*map(self._packet, value[first : first + SLICE])))

    async def _tick(self, socket: ServerConnection, tokens: dict[int, None]) -> None:
        sent, begun, turn = 0, anyio.current_time(), cycle(mixed(tokens))
        known = 0
        while True:
            await anyio.sleep(MESSAGE_SECONDS)
            if len(tokens) != known:
                known, turn = len(tokens), cycle(mixed(tokens))
                sent, begun = 0, anyio.current_time()
            due = int((anyio.current_time() - begun) * self._rate * known) - sent
            if due > 0:
                sent += due
                await socket.send(frame(*map(self._packet, islice(turn, due))))

    async def _beat(self, socket: ServerConnection) -> None:
        while True:
            await anyio.sleep(BEAT_SECONDS)
            await socket.send(HEARTBEAT)

    def _packet(self, token: int) -> bytes:
        stamp = (monotonic_ns() - self._base) // 1_000
        return simple_full(token, PRICE + stamp % PRICES, volume=stamp)


def mixed(tokens: Iterable[int]) -> list[int]:
    """In an order in which neighbours are far apart: no client's instruments tick all at once."""
    return sorted(tokens, key=lambda token: token * MIXER % 2**32)


async def run(port: int, base: int, rate: float) -> None:
    """Until the process is told to end."""
    ticker = StampedTicker(base, rate)
    async with serve(ticker.attend, "127.0.0.1", port, compression=None, ping_interval=None):
        await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(run, int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), backend_options={"use_uvloop": True})
