"""The vendor's own clients as test instruments."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio import to_thread
from kiteconnect import KiteConnect, KiteTicker
from websockets.asyncio.client import ClientConnection, connect

from tests.support.patience import PATIENCE
from tests.support.sandbox import RunningSandbox

FLUSH_SECONDS = 0.1
"""Nothing for so long: nothing is under way any more."""


class VendorClient:
    """The real KiteConnect, each call in a worker thread."""

    def __init__(self, sandbox: RunningSandbox, access_token: str | None) -> None:
        self.kite = KiteConnect(sandbox.api_key, access_token, root=sandbox.url)

    async def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """The result of a method of KiteConnect."""
        return await to_thread.run_sync(lambda: getattr(self.kite, method)(*args, **kwargs))


async def vendor_client(sandbox: RunningSandbox) -> VendorClient:
    """A logged in client."""
    return VendorClient(sandbox, await sandbox.login())


def vendor_ticks(message: bytes) -> list[dict[str, Any]]:
    """What KiteTicker makes of a binary message."""
    decoder = KiteTicker.__new__(KiteTicker)
    ticks: list[dict[str, Any]] = decoder._parse_binary(message)
    return ticks


class SocketClient:
    """A ticker client that decodes with the vendor's decoder."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    @classmethod
    @asynccontextmanager
    async def connected(cls, url: str) -> AsyncIterator["SocketClient"]:
        """A connection to a whole address."""
        async with connect(url, compression=None, ping_interval=None) as connection:
            yield cls(connection)

    async def send(self, action: str, value: object) -> None:
        """A command, as KiteTicker writes it."""
        await self.connection.send(json.dumps({"a": action, "v": value}))

    async def receive(self) -> str | bytes:
        """The next message of any kind."""
        with anyio.fail_after(PATIENCE):
            return await self.connection.recv()

    async def _next(self, wanted: Callable[[str | bytes], bool]) -> str | bytes:
        """The next message of one kind, however many heartbeats come before."""
        with anyio.fail_after(PATIENCE):
            while not wanted(message := await self.connection.recv()):
                pass
        return message

    async def text(self) -> dict[str, Any]:
        """The next text message but for the greeting."""
        message = await self._next(lambda message: isinstance(message, str) and "instruments_meta" not in message)
        return dict(json.loads(message))

    async def packets(self) -> bytes:
        """The next binary message that is no heartbeat."""
        return bytes(await self._next(lambda message: isinstance(message, bytes) and len(message) > 1))  # type: ignore[arg-type]  # bytes by the condition

    async def ticks(self, count: int = 1) -> list[dict[str, Any]]:
        """At least `count` ticks, in order."""
        ticks: list[dict[str, Any]] = []
        while len(ticks) < count:
            ticks += vendor_ticks(await self.packets())
        return ticks

    async def changed_to(self, price: float) -> dict[str, Any]:
        """The first tick with this price; the ticker may repeat the one before."""
        while True:
            for tick in await self.ticks():
                if tick["last_price"] == price:
                    return tick

    async def drain(self) -> None:
        """Read until the connection ends, which raises."""
        while True:
            await self.receive()

    async def flushed(self) -> None:
        """Throw away what was under way."""
        while not await self.silent_for(FLUSH_SECONDS):
            pass

    async def silent_for(self, seconds: float) -> bool:
        """Whether no message of any kind comes for a while."""
        with anyio.move_on_after(seconds):
            await self.connection.recv()
            return False
        return True

    async def quiet_for(self, seconds: float) -> bool:
        """Whether nothing but heartbeats comes for a while."""
        with anyio.move_on_after(seconds):
            await self.packets()
            return False
        return True


@asynccontextmanager
async def open_socket(sandbox: RunningSandbox, access_token: str, path: str = "") -> AsyncIterator[SocketClient]:
    """A ticker connection."""
    credentials = f"?api_key={sandbox.api_key}&access_token={access_token}"
    async with SocketClient.connected(f"{sandbox.ticker_url}{path}{credentials}") as client:
        yield client
