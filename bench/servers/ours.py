"""Our service with a source that never rests, for the fan alone. `python -m bench.servers.ours`, settings as ever.

It is `kite-services serve`, letter by letter, with one task beside its parts: from SIGUSR2 until the last subscriber is
gone, each turn of the event loop publishes a new state of all ten instruments into the live feed, as a ticker does.
Kite's ticker hands over 50 times a second at most, which no server here finds hard with 200 clients; the peers' source
(servers/board.py, servers/data.mjs) is driven in the same way. Every other workload runs the service as it is.
"""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from app import main as service
from app.clock import SystemClock
from app.commands.serve import serve
from app.domain.quotes import Quote, StreamMode
from app.parts import Runtime, Timing
from app.runtime import open_runtime
from app.settings import Settings
from app.streaming.feed import LiveFeed
from bench.subject import FAN_IDS

TIMING = Timing(linger=0.5, hot_for=0.5)
"""When the last client is gone, the source rests soon: the next server's turn is not disturbed."""
LOOK_AFTER = 100
"""Turns between two looks whether somebody still listens."""


@asynccontextmanager
async def driven_runtime(settings: Settings, **options: Any) -> AsyncIterator[Runtime]:
    """The runtime of the service, and the driver beside it."""
    async with (
        open_runtime(settings, **{**options, "timing": TIMING}) as runtime,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(drive, runtime.feed)
        yield runtime
        tasks.cancel_scope.cancel()


async def drive(feed: LiveFeed) -> None:
    """After each signal publish without rest while somebody listens."""
    clock = SystemClock()
    with anyio.open_signal_receiver(signal.SIGUSR2) as signals:
        async for _ in signals:
            version = 0
            while known := streamed(feed):
                for _ in range(LOOK_AFTER):
                    version, now = version + 1, clock.now()
                    feed.publish_quotes([moved(quote, version, now) for quote in known])
                    await checkpoint()


def streamed(feed: LiveFeed) -> list[Quote]:
    """The ten quotes; empty when nobody subscribes to them any more."""
    return [quote for each in FAN_IDS if (quote := feed.latest(each, StreamMode.QUOTE)) is not None]


def moved(quote: Quote, version: int, now: Any) -> Quote:
    """The quote with another price."""
    return replace(
        quote,
        last_price=quote.last_price + (version % 2 - 0.5) / 10,
        volume=(quote.volume or 0) + 1,
        received_at=now,
    )


if __name__ == "__main__":
    vars(service)["open_runtime"] = driven_runtime
    serve()
