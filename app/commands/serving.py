"""The server in this process: from a bound port to an orderly end. The only place here that knows `app.main`.

Settings and a bound socket come in; the server runs until SIGINT, SIGTERM or `stop`. uvicorn takes signals itself
and raises them again when it is done: `until_signal` stands around it, so that the second raise ends nothing.
"""

import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import anyio
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette

from app.clock import SystemClock
from app.commands.ports import port_fault
from app.commands.start import refuse
from app.domain.garbage import exempt_what_lives
from app.joining import kite_config, load_configured_calendar, yahoo_config
from app.runtime import MixedWorldsError, open_store, require_world
from app.server import Server, build_server
from app.settings import EVERY_ADDRESS, Settings

POLL_SECONDS = 0.05
OnReady = Callable[["Service"], Awaitable[None]]


class Service:
    """A server that is about to run, or runs."""

    def __init__(self, settings: Settings, application: Starlette, listener: socket.socket) -> None:
        self.settings = settings
        self.local_url = _local_url(listener)
        """Where this machine reaches it, whatever its public address is."""
        self._listener = listener
        self._server: Server = build_server(
            application,
            host=settings.service_host,
            port=settings.service_port,
            on_stop=getattr(application.state, "stop_hooks", ()),
        )

    def stop(self) -> None:
        """End in an orderly way, soon."""
        self._server.should_exit = True

    async def run(self, on_ready: OnReady | None = None) -> bool:
        """Serve until a signal or `stop`. False if the application did not start; the log has the reason."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._when_ready, on_ready)
            try:
                await self._server.serve([self._listener])
            except SystemExit:  # uvicorn's word for an application that did not start
                return False
            finally:
                tasks.cancel_scope.cancel()
        return True

    async def _when_ready(self, on_ready: OnReady | None) -> None:
        while not self._server.started:  # noqa: ASYNC110 # uvicorn has a flag and no event
            await anyio.sleep(POLL_SECONDS)
        exempt_what_lives()
        if on_ready is not None:
            await on_ready(self)


def _local_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = EVERY_ADDRESS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def until_signal(work: Callable[[], Awaitable[bool]], stop: Callable[[], None]) -> bool:
    """What `work` returns; SIGINT and SIGTERM call `stop`, and never end the process by themselves."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_stop_on, signals, stop)
            result = await work()
            tasks.cancel_scope.cancel()
    return result


async def _stop_on(signals: AsyncIterator[signal.Signals], stop: Callable[[], None]) -> None:
    async for _ in signals:
        stop()


def listen(settings: Settings) -> socket.socket:
    """A bound socket; uvicorn begins to listen on it. The command ends if somebody was quicker."""
    host, port = settings.service_host, settings.service_port
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        refuse(port_fault(host, port, "SERVICE_PORT") or f"port {port} of {host} cannot be used: {error.strerror}")
    return listener


def prepare(settings: Settings, *, any_world: bool = False) -> None:
    """Open, migrate and check everything that lasts; or the command ends with what is wrong and the remedy. Blocks.

    The server would find the same faults; here each is one line instead of a traceback. `any_world`: the database may
    hold real or simulated data, as for a command that asks no source.
    """
    try:
        load_configured_calendar(settings.calendar)
        kite_config(settings)
        if settings.has_yahoo:
            yahoo_config(settings)
        anyio.run(_open_once, settings, any_world)
    except (MixedWorldsError, ValueError) as error:
        refuse(str(error))
    except OSError as error:
        refuse(f"DATA_DIR or DATABASE_URL cannot be reached: {error.strerror or error}")
    except SQLAlchemyError as error:
        refuse(f"DATABASE_URL: the database cannot be used ({type(error).__name__}); see `kite-services doctor`")


async def _open_once(settings: Settings, any_world: bool) -> None:  # noqa: FBT001 - anyio.run passes no keywords
    async with open_store(settings, SystemClock()) as store:
        if not any_world:
            await require_world(store.settings, settings.world)
