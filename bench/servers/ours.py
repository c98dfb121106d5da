"""Our service with a source that never rests, for the fan alone. `python -m bench.servers.ours`, settings as ever.

It is `kite-services serve`, letter by letter, with one task beside its parts: while the ten instruments of the fan are
streamed, each turn of the event loop publishes a new state of all ten into the live feed, as a ticker does. Kite's
ticker hands over 50 times a second at most, which no server here finds hard with 200 clients; the peers' source
(servers/board.py, servers/data.mjs) is driven in the same way. Every other workload runs the service as it is.
"""

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
from app.runtime import Runtime, Timing, open_runtime
from app.settings import Settings
from app.streaming.feed import LiveFeed
from bench.subject import FAN_IDS

TIMING = Timing(linger=0.5, hot_for=0.5)
"""When the last client is gone, the source rests soon: the next server's turn is not disturbed."""
IDLE_SECONDS = 0.05


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
    """Publish without rest while somebody listens."""
    clock, version = SystemClock(), 0
    known: list[Quote] = []
    while True:
        if version % 1_000 == 0 or not known:
            known = [quote for each in FAN_IDS if (quote := feed.latest(each, StreamMode.QUOTE)) is not None]
        if not known:
            await anyio.sleep(IDLE_SECONDS)
            continue
        version += 1
        now = clock.now()
        feed.publish_quotes([moved(quote, version, now) for quote in known])
        await checkpoint()


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
