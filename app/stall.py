"""Clients that do not read: how they are told from slow ones.

Used by both protocols of the HTTP server, which say when a transport is full and what is done with who takes nothing.
"""

import asyncio
from collections.abc import Callable

STALL_SECONDS = 30.0
"""How long a client may take nothing of what waits for it; phones in a tunnel come back sooner or not at all."""
CHECKS = 3
"""How often within that time it is looked whether it took something."""


class StallWatch:
    """Calls back once a transport was full for `seconds` and nobody took a byte meanwhile. For one event loop."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, on_stall: Callable[[], None], *, seconds: float = STALL_SECONDS
    ) -> None:
        self._loop = loop
        self._on_stall = on_stall
        self._pause = seconds / CHECKS
        self._timer: asyncio.TimerHandle | None = None
        self._backlog = 0
        self._idle_checks = 0

    def begin(self, transport: asyncio.WriteTransport) -> None:
        """The transport is full."""
        self.end()
        self._backlog = transport.get_write_buffer_size()
        self._idle_checks = 0
        self._timer = self._loop.call_later(self._pause, self._look, transport)

    def end(self) -> None:
        """It takes more, or is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, transport: asyncio.WriteTransport) -> None:
        backlog = transport.get_write_buffer_size()
        self._idle_checks = self._idle_checks + 1 if backlog >= self._backlog else 0
        self._backlog = backlog
        if self._idle_checks < CHECKS:
            self._timer = self._loop.call_later(self._pause, self._look, transport)
        else:
            self._timer = None
            self._on_stall()
