"""From tick to client: 1,000 clients, 2,000 instruments at 2 ticks a second each. `python -m bench.latency`.

Our service as it is, a ticker that stamps its packets (servers/ticker.py), and clients that each subscribe to a list
of instruments at the default throttle. Twice: every client has ten of its own, so that nothing can be shared; and a
hundred lists of twenty, with ten clients each. A tick may wait for the throttle; what it takes beyond that is ours.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import monotonic_ns

import anyio
import orjson

from app.clock import SystemClock
from bench.contenders import OURS, Contender, ask, ours
from bench.load.latency import Measured
from bench.load.websocket import Question
from bench.processes import BUILD, HOST, answer_of, free_port, listening, running
from bench.results import Bar, Line, write_json
from bench.subject import fan_document
from bench.table import show

CLIENTS, INSTRUMENTS, TICKS_A_SECOND = 1_000, 2_000, 2.0
THROTTLE_MS = 200
ALLOWED_MS = 25.0
"""Beyond the throttle."""
ROUNDS, WARM_SECONDS, SECONDS = 3, 3.0, 3.0
"""A thousand first updates, with the prices that are not streamed yet, take the first two seconds."""
SEARCH = """query Search($after: String) {
  searchInstruments(text: "", filter: {kinds: [EQUITY, FUTURE, CALL, PUT]}, first: 100, after: $after) {
    edges { cursor node { id } }
  }
}"""


@dataclass(frozen=True, slots=True)
class Lists:
    """What the clients look at."""

    name: str
    count: int
    """Different lists; client n has the n-th, and the first follows the last."""
    length: int

    def windows(self, ids: Sequence[str]) -> list[list[str]]:
        """The lists, spread evenly over the instruments."""
        step = len(ids) // self.count
        return [[ids[(each * step + offset) % len(ids)] for offset in range(self.length)] for each in range(self.count)]


LISTS = (Lists("each its own 10", CLIENTS, 10), Lists("100 lists of 20", 100, 20))


async def lines(*, rounds: int = ROUNDS) -> list[Line]:
    """The median of the rounds, in milliseconds."""
    base, port = monotonic_ns(), free_port()
    command = [sys.executable, "-m", "bench.servers.ticker", str(port), str(base), str(TICKS_A_SECOND)]
    with tempfile.TemporaryDirectory() as folder:
        async with running("ticker", command) as ticker:
            await listening(ticker, port)
            async with ours(Path(folder), settings={"KITE_TICKER_URL": f"ws://{HOST}:{port}"}) as service:
                ids = await instruments(service)
                return [line for each in LISTS for line in await measured(service, each, ids, base, rounds)]


async def measured(service: Contender, lists: Lists, ids: Sequence[str], base: int, rounds: int) -> list[Line]:
    """The lines of one kind of clients."""
    return summary(lists, [await run(service, lists.windows(ids), base) for _ in range(rounds)])


async def instruments(service: Contender) -> list[str]:
    """Ids of as many instruments as are wanted, page by page."""
    ids: list[str] = []
    after: str | None = None
    while len(ids) < INSTRUMENTS:
        edges = (await ask(service, SEARCH, after=after))["data"]["searchInstruments"]["edges"]
        ids += [edge["node"]["id"] for edge in edges]
        after = edges[-1]["cursor"]
    return ids[:INSTRUMENTS]


async def run(service: Contender, windows: Sequence[Sequence[str]], base: int) -> Measured:
    """One round."""
    document = fan_document(throttle_ms=THROTTLE_MS)
    payloads = [orjson.dumps({"query": document, "variables": {"ids": window}}).decode() for window in windows]
    question = Question(HOST, service.port, "/graphql", payloads, CLIENTS, 0, 0, WARM_SECONDS, SECONDS)
    answer = await answer_of("bench.load.latency", {"question": asdict(question), "base": base})
    return Measured(**answer)  # type: ignore[arg-type]


def summary(lists: Lists, found: Sequence[Measured]) -> list[Line]:
    """Median and 99th percentile beyond the throttle; negative where few ticks had to wait for it."""
    rate = median(each.messages_per_second for each in found)
    p50 = [each.p50_ms - THROTTLE_MS for each in found]
    p99 = [each.p99_ms - THROTTLE_MS for each in found]
    remark = f"{rate:,.0f} messages/s; longest {max(each.longest_ms for each in found):,.0f} ms in all"
    return [
        Line(f"tick to client, {lists.name}: p50", f"ms beyond {THROTTLE_MS}", {OURS: median(p50)}, runs={OURS: p50}),
        Line(
            f"tick to client, {lists.name}: p99",
            f"ms beyond {THROTTLE_MS}",
            {OURS: median(p99)},
            (Bar(ALLOWED_MS, at_most=True),),
            remark,
            {OURS: p99},
        ),
    ]


def main() -> None:
    """Print the table and write build/bench-latency.json."""
    found = anyio.run(lines, backend_options={"use_uvloop": True})
    show(found, title=f"{CLIENTS:,} clients, {INSTRUMENTS:,} instruments at {TICKS_A_SECOND:g} ticks a second")
    write_json(BUILD / "bench-latency.json", found, SystemClock().now())


if __name__ == "__main__":
    main()
