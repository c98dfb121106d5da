"""History through the whole service: a chart nobody asked for before, and the same again. `python -m bench.history`.

Fifty days of 5-minute bars of the sandbox's market, which never closes: 14,400 bars in one upstream call. Cold is the
call, the store and the answer; warm is the answer from memory; the first one after a restart reads the store.
"""

import tempfile
from datetime import UTC, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import anyio

from app.clock import SystemClock
from bench.contenders import OURS, Contender, ask, ours
from bench.processes import BUILD
from bench.results import Line, write_json
from bench.table import show

IDS = ("NSE:INFY", "NSE:TCS", "NSE:RELIANCE", "NSE:SBIN", "NSE:ITC")
DAYS = 50
BARS = DAYS * 24 * 12
QUERY = """query Chart($id: ID!, $from: DateTime!, $to: DateTime!) {
  candles(id: $id, interval: MINUTE_5, from: $from, to: $to) {
    count upstreamCalls candles { epochSeconds open high low close volume }
  }
}"""


async def lines() -> list[Line]:
    """Medians over the instruments, in milliseconds."""
    now = SystemClock().now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    span = {"from": (now - timedelta(days=DAYS)).isoformat(), "to": now.isoformat()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with ours(folder) as service:
            cold = [await answered(service, each, span, calls=1) for each in IDS]
            warm = [await answered(service, each, span, calls=0) for each in IDS]
        async with ours(folder) as again:
            stored = [await answered(again, each, span, calls=0) for each in IDS]
    found = {"cold, 1 upstream call": cold, "after a restart, from the store": stored, "warm": warm}
    return [
        Line(f"{BARS:,} bars, {what}", "ms", {OURS: median(each)}, runs={OURS: each}) for what, each in found.items()
    ]


async def answered(service: Contender, instrument_id: str, span: dict[str, str], *, calls: int) -> float:
    """Milliseconds of one answer. Raises RuntimeError for one that is not whole, or took other upstream calls."""
    begun = perf_counter()
    answer: dict[str, Any] = await ask(service, QUERY, id=instrument_id, **span)
    taken = (perf_counter() - begun) * 1000
    series = (answer.get("data") or {}).get("candles") or {}
    if (series.get("count"), series.get("upstreamCalls")) != (BARS, calls):
        had = f"{series.get('count')} bars in {series.get('upstreamCalls')} calls"
        msg = f"{instrument_id}: {had}, {answer.get('errors')}"
        raise RuntimeError(msg)
    return taken


def main() -> None:
    """Print the table and write build/bench-history.json."""
    found = anyio.run(lines, backend_options={"use_uvloop": True})
    show(found, title="history through the service")
    write_json(BUILD / "bench-history.json", found, SystemClock().now())


if __name__ == "__main__":
    main()
