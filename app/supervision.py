"""Supervision: a background part that fails is logged, and started again after a pause that grows.

`app.runtime` runs every part of the service through `supervised`. This is the one loop that catches everything.
"""

from collections.abc import Awaitable, Callable

import anyio
import structlog

from app.ports import Clock

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""A part that keeps failing writes one traceback a minute, not a thousand."""
HEALTHY_AFTER = 120.0
"""A part that ran this long begins again with the first pause."""

log = structlog.get_logger()


async def supervised(name: str, run: Callable[[], Awaitable[object]], clock: Clock) -> None:
    """Run `run` until it returns or is cancelled; after an exception, again. Never raises but for cancellation."""
    pause = FIRST_PAUSE
    while True:
        started = clock.monotonic()
        try:
            await run()
        except Exception:
            if clock.monotonic() - started >= HEALTHY_AFTER:
                pause = FIRST_PAUSE
            log.exception("part_failed", part=name, again_in_seconds=pause)
            await anyio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            return
