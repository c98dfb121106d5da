"""The sandbox exchange behind our server, with prices that stand still.

`python -m bench.servers.exchange PORT CALLBACK [ROWS]`; ROWS: of a generated master.

The sandbox itself, with Kite's limits on; only its clockwork looks at the market once an hour, so that nothing is
streamed while requests are measured. Subscribing brings each instrument's first packet, as ever.
"""

import sys

import anyio

from app.clock import SystemClock
from app.sandbox.serve import run_sandbox
from app.sandbox.settings import SandboxSettings

STILL_SECONDS = 3_600.0


async def serve(port: int, callback: str, rows: int | None) -> None:
    """Until SIGTERM."""
    settings = SandboxSettings(redirect_url=callback, tick_seconds=STILL_SECONDS, master_rows=rows)
    await run_sandbox(settings, clock=SystemClock(), port=port)


if __name__ == "__main__":
    rows = int(sys.argv[3]) if sys.argv[3:] else None
    anyio.run(serve, int(sys.argv[1]), sys.argv[2], rows, backend_options={"use_uvloop": True})
