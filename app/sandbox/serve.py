"""Running the sandbox: a socket, uvicorn, and an orderly end.

Comes in: settings, a clock and perhaps a market. Goes out: a server that is ready when it says so and that ends on
SIGTERM, SIGINT or cancellation. `run_sandbox` is the command's, `open_sandbox` the tests'.
"""

import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import anyio
import uvicorn
from anyio import to_thread
from starlette.applications import Starlette

from app.domain.calendar import TradingCalendar, always_open_calendar, load_calendar
from app.domain.time import ist_date
from app.ports import Clock
from app.sandbox.app import build_sandbox
from app.sandbox.market import SimulatedMarket
from app.sandbox.settings import SandboxSettings

LOOPBACK = "127.0.0.1"
"""The sandbox hands a session to whoever asks, so it never listens beyond this machine."""
BACKLOG = 512
GRACE_SECONDS = 1.0
"""How long an ending sandbox waits for its clients."""
SHUTDOWN_POLL_SECONDS = 0.005
MAX_MESSAGE_BYTES = 1024 * 1024
"""The largest command: 3,000 tokens are 33 KB."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a running sandbox listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Root of the REST API."""
        return f"http://{self.host}:{self.port}"

    @property
    def login_url(self) -> str:
        """The login page, without its query."""
        return f"{self.url}/connect/login"

    @property
    def ticker_url(self) -> str:
        """The ticker."""
        return f"ws://{self.host}:{self.port}"


class _Server(uvicorn.Server):
    """uvicorn without a hand on the process's signals: whoever opened the sandbox decides when it ends."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = anyio.Event()
        self.leaving = anyio.Event()

    async def main_loop(self) -> None:
        second_tenths = 0
        while not await self.on_tick(second_tenths):
            second_tenths += 1
            with anyio.move_on_after(0.1):
                await self.leaving.wait()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more, let what runs end for a moment, then end it; uvicorn's own waits in tenths of a second."""
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        state = self.server_state
        for connection in tuple(state.connections):
            connection.shutdown()
        with anyio.move_on_after(GRACE_SECONDS):
            while state.connections or state.tasks:  # noqa: ASYNC110  uvicorn has no event for it
                await anyio.sleep(SHUTDOWN_POLL_SECONDS)
        for task in tuple(state.tasks):
            task.cancel()
        await self.lifespan.shutdown()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def build_market(settings: SandboxSettings, clock: Clock) -> SimulatedMarket:
    """The market of the settings' seed and calendar. Blocking: a few hundred milliseconds."""
    return SimulatedMarket(seed=settings.seed, calendar=_calendar(settings), today=ist_date(clock.now()))


def _calendar(settings: SandboxSettings) -> TradingCalendar:
    return load_calendar(None) if settings.calendar == "indian" else always_open_calendar()


def _config(application: Starlette) -> uvicorn.Config:
    config = uvicorn.Config(
        application,
        lifespan="on",
        log_config=None,
        log_level="warning",  # at INFO uvicorn logs the address of each upgrade, and the token in it
        access_log=False,
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=None,  # Kite sends heartbeats of its own and no pings
        ws_per_message_deflate=False,
    )
    config.load()
    return config


def _listen(port: int) -> socket.socket:
    return socket.create_server((LOOPBACK, port), backlog=BACKLOG)


@asynccontextmanager
async def open_sandbox(application: Starlette, *, port: int = 0) -> AsyncIterator[Address]:
    """Serve in the running loop until left; port 0 takes a free one. Raises OSError if the port is taken."""
    server = _Server(await to_thread.run_sync(_config, application))
    listener = await to_thread.run_sync(_listen, port)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve, [listener])
        await server.ready.wait()
        try:
            yield Address(LOOPBACK, listener.getsockname()[1])
        finally:
            server.should_exit = True
            server.leaving.set()


async def run_sandbox(
    settings: SandboxSettings, *, clock: Clock, port: int, announce: Callable[[str], object] | None = None
) -> None:
    """Serve until SIGTERM or SIGINT; one line is printed when it is ready."""
    market = await to_thread.run_sync(build_market, settings, clock)
    application = await to_thread.run_sync(lambda: build_sandbox(settings, clock=clock, market=market))
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with open_sandbox(application, port=port) as address:
            (announce or _announce)(f"SANDBOX exchange ready at {address.url} (calendar: {settings.calendar})")
            async for _ in signals:
                break


def _announce(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
