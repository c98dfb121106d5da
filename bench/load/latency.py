"""How old a price is when its client has it. `python -m bench.load.latency < question.json`.

Each quote's volume is the moment that the ticker sent it (servers/ticker.py). Snapshots do not count.
"""

import asyncio
import sys
from dataclasses import asdict, dataclass
from statistics import quantiles
from time import monotonic_ns, perf_counter

import orjson
import uvloop

from bench.load.websocket import Question, open_all, subscribers_of


@dataclass(slots=True)
class Measured:
    """Milliseconds from the ticker's send to the client's receipt."""

    messages_per_second: float
    quotes: int
    p50_ms: float
    p99_ms: float
    longest_ms: float


async def measure(question: Question, base: int) -> Measured:
    """Open, warm up, then note the age of every quote in every update."""
    ages: list[int] = []
    counts = False
    messages = 0

    def note(update: bytes) -> None:
        nonlocal messages
        if not counts:
            return
        now = (monotonic_ns() - base) // 1_000
        messages += 1
        quotes = orjson.loads(update)["payload"]["data"]["quotes"]["quotes"]
        ages.extend(now - quote["volume"] for quote in quotes)

    subscribers = subscribers_of(question, note)
    await open_all(question, subscribers)
    await asyncio.sleep(question.warm_seconds)
    counts, begun = True, perf_counter()
    await asyncio.sleep(question.seconds)
    counts, taken = False, perf_counter() - begun
    if any(each.lost for each in subscribers):
        raise ConnectionError(next(each.failure for each in subscribers if each.lost))
    for each in subscribers:
        each.close()
    shares = quantiles(ages, n=100)
    return Measured(messages / taken, len(ages), shares[49] / 1_000, shares[98] / 1_000, max(ages) / 1_000)


def main() -> None:
    """One measurement."""
    asked = orjson.loads(sys.stdin.buffer.read())
    question = Question(**asked["question"])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.buffer.write(orjson.dumps(asdict(runner.run(measure(question, asked["base"])))))


if __name__ == "__main__":
    main()
