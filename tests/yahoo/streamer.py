"""A streamer on a port of its own that says what a test tells it to, and a sink that keeps what arrives."""

import base64
import json
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from yfinance.pricing_pb2 import PricingData

from app.domain.feeds import FeedState, FeedStatus
from app.domain.quotes import Quote
from app.domain.ticks import Tick
from tests.support.patience import PATIENCE


def message(symbol: str, price: float, **fields: object) -> str:
    """One price as Yahoo sends it."""
    usual: dict[str, object] = {"time": 1795405500000, "currency": "INR", "market_hours": 1, "price_hint": 2}
    data = PricingData(id=symbol, price=price, **(usual | fields))
    return json.dumps({"type": "pricing", "message": base64.b64encode(data.SerializeToString()).decode()})


@dataclass
class Streamer:
    """What was asked of it, by socket."""

    url: str = ""
    sockets: list[ServerConnection] = field(default_factory=list)
    """Open ones, oldest first."""
    commands: list[dict[str, list[str]]] = field(default_factory=list)
    dials: int = 0

    async def accept(self, socket: ServerConnection) -> None:
        """Note what is asked until the client leaves."""
        self.dials += 1
        self.sockets.append(socket)
        try:
            async for text in socket:
                self.commands.append(json.loads(text))
        except ConnectionClosed:
            pass
        finally:
            self.sockets.remove(socket)

    async def say(self, text: str) -> None:
        """Send to the newest socket."""
        await self.sockets[-1].send(text)

    async def asked(self, count: int) -> None:
        """Wait until so many commands have arrived."""
        with anyio.fail_after(PATIENCE):
            while len(self.commands) < count:  # noqa: ASYNC110 -- another task's list fires no event
                await anyio.sleep(0.005)


@asynccontextmanager
async def running_streamer() -> AsyncIterator[Streamer]:
    """A streamer on an ephemeral port of the running loop."""
    streamer = Streamer()
    async with serve(streamer.accept, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        streamer.url = f"ws://127.0.0.1:{port}/?version=2"
        yield streamer


@dataclass
class Kept:
    """A TickSink that keeps everything."""

    quotes: list[Quote] = field(default_factory=list)
    ticks: list[Tick] = field(default_factory=list)
    states: list[FeedState] = field(default_factory=list)
    lost: list[frozenset[str]] = field(default_factory=list)

    def publish_quotes(self, quotes: Sequence[Quote]) -> None:
        """Keep them."""
        self.quotes.extend(quotes)

    def publish_ticks(self, ticks: Sequence[Tick]) -> None:
        """Keep them."""
        self.ticks.extend(ticks)

    def feed_changed(
        self, status: FeedStatus, *, interrupted: bool, instruments: Collection[str] | None = None
    ) -> None:
        """Keep the state and the loss."""
        self.states.append(status.state)
        if interrupted:
            self.lost.append(frozenset(instruments or ()))

    async def until(self, kind: str, count: int) -> None:
        """Wait until there are so many of `quotes`, `ticks`, `states` or `lost`."""
        with anyio.fail_after(PATIENCE):
            while len(getattr(self, kind)) < count:  # noqa: ASYNC110 -- a list fires no event
                await anyio.sleep(0.005)

    async def reach(self, state: FeedState) -> None:
        """Wait until the newest state is this one."""
        with anyio.fail_after(PATIENCE):
            while not self.states or self.states[-1] is not state:  # noqa: ASYNC110 -- a list fires no event
                await anyio.sleep(0.005)
