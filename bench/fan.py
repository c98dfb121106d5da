"""The fan: many sockets, each subscribed to ten instruments with twelve fields, from a source that never rests.

What counts is messages a second, all clients together, of some 2.3 KB each. The source is quiet until every client
has its first message; then it changes all ten instruments in each turn of the server's event loop (servers/ours.py,
servers/board.py). A subscriber that is behind gets the newest state, in every server, and no queue of old ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

import anyio
import orjson
from rich.progress import Progress

from bench.contenders import FASTAPI, GRAPHQL_WS, MERCURIUS, OURS, STRAWBERRY, Contender
from bench.load.websocket import Measured, Question
from bench.pace import Pace
from bench.processes import HOST, answer_of
from bench.requests import WrongAnswer
from bench.results import Bar, Line, per_cpu
from bench.subject import FAN_IDS, QUOTE_FIELDS, fan_document

SERVERS = (OURS, STRAWBERRY, MERCURIUS, GRAPHQL_WS)
REQUEST_SERVERS = (OURS, STRAWBERRY, FASTAPI, MERCURIUS)
SAMPLE_SECONDS = 0.5
MIB = 1024 * 1024
ALLOWED_SIZE = 0.9
"""How short a message may be on average, by the first one, which has all ten quotes."""
BUSY = 0.9
"""A load generator that works more than this part of the time is what was measured."""
FLAT_MIB = 20.0
"""Growth of memory in a run that is noise: allocators round, and so do collectors."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One fan."""

    clients: int
    different: bool = False
    """Whether every client has a document of its own."""
    stuck: int = 0
    """How many never read."""
    servers: Sequence[str] = SERVERS
    bars: Sequence[Bar] = ()
    many: bool = False
    """Whether it takes seconds until everybody had one message."""
    once: bool = False
    """Whether one round has to do, since all that there are would take minutes."""


VARIANTS: Mapping[str, Variant] = {
    "fan": Variant(200, bars=(Bar(6.0, MERCURIUS), Bar(25.0, STRAWBERRY))),
    "fan-different": Variant(200, different=True),
    "fan-stuck": Variant(200, stuck=20, servers=(OURS, STRAWBERRY, MERCURIUS)),
    "fan-1000": Variant(1_000, servers=(OURS, MERCURIUS), many=True),
    "fan-1000-different": Variant(1_000, different=True, servers=(OURS, MERCURIUS), many=True, once=True),
    "fan-1000-stuck": Variant(1_000, stuck=100, servers=(OURS, MERCURIUS), many=True, once=True),
    "fan-5000": Variant(5_000, servers=(OURS, MERCURIUS), many=True, once=True),
}


@dataclass(frozen=True, slots=True)
class Run:
    """A measurement and the server's memory meanwhile."""

    measured: Measured
    resident: Sequence[int]

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.measured.messages / self.measured.seconds

    @property
    def growth_mib(self) -> float:
        """From the middle of the run to its end, when all sockets are open and every cache is warm."""
        half = len(self.resident) // 2
        return (self.resident[-1] - self.resident[half]) / MIB if self.resident else 0.0


async def lines(names: Sequence[str], contenders: Sequence[Contender], pace: Pace, progress: Progress) -> list[Line]:
    """One line a variant, and one more of memory where clients are stuck."""
    found: list[Line] = []
    for name in names:
        variant = VARIANTS[name]
        entered = [each for each in contenders if each.name in variant.servers]
        rounds = 1 if variant.once else pace.rounds
        task = progress.add_task(name, total=len(entered) * rounds)
        runs: dict[str, list[Run]] = {each.name: [] for each in entered}
        for _ in range(rounds):
            for contender in entered:
                progress.update(task, description=f"{name} {contender.name}")
                runs[contender.name].append(await run(variant, contender, pace))
                progress.advance(task)
        found += summary(name, variant, runs)
    return found


async def run(variant: Variant, contender: Contender, pace: Pace) -> Run:
    """One run of one server. Raises WrongAnswer if its messages are not the ones to be measured."""
    seconds = pace.stuck_seconds if variant.stuck else pace.many_seconds if variant.many else pace.seconds
    question = Question(
        HOST,
        contender.port,
        "/graphql",
        payloads(variant),
        variant.clients,
        variant.stuck,
        contender.program.process.pid,
        pace.warm_seconds,
        seconds,
    )
    resident: list[int] = []
    answer: dict[str, object] = {}
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch_memory, contender, resident)
        answer = await answer_of("bench.load.websocket", asdict(question))
        tasks.cancel_scope.cancel()
    measured = Measured(**answer)  # type: ignore[arg-type]
    check(contender.name, measured)
    return Run(measured, resident)


def payloads(variant: Variant) -> list[str]:
    """What the clients subscribe to: all the same, or each its own document."""
    documents = [f"number{each}: sequence" for each in range(variant.clients)] if variant.different else ["sequence"]
    return [orjson.dumps({"query": fan_document(each), "variables": {"ids": FAN_IDS}}).decode() for each in documents]


async def watch_memory(contender: Contender, resident: list[int]) -> None:
    """A look twice a second, until cancelled."""
    while True:
        resident.append(contender.program.resident_bytes)
        await anyio.sleep(SAMPLE_SECONDS)


def check(name: str, measured: Measured) -> None:
    """Raises WrongAnswer unless ten quotes with twelve values came, and no client that reads was left out."""
    message = orjson.loads(measured.first)
    quotes = message["payload"]["data"]["quotes"]["quotes"] if "payload" in message else []
    if [quote["id"] for quote in quotes if None not in quote.values()] and len(quotes) == len(FAN_IDS):
        full = all(set(quote) == set(QUOTE_FIELDS) for quote in quotes)
    else:
        full = False
    whole = measured.mean_bytes > ALLOWED_SIZE * len(measured.first)
    if not full or not whole or measured.lost:
        sent = f"{measured.mean_bytes:,.0f} bytes a message, at first {measured.first[:500]}"
        raise WrongAnswer(f"fan: {name} lost {measured.lost} sockets, or sends other messages: {sent}")


def summary(name: str, variant: Variant, runs: Mapping[str, Sequence[Run]]) -> list[Line]:
    """Messages a second; with stuck clients also how memory grew."""
    rates = {each: [one.rate for one in found] for each, found in runs.items()}
    fewest = " ".join(f"{median(one.measured.fewest for one in found):,.0f}" for found in runs.values())
    values = {each: median(found) for each, found in rates.items()}
    bound = [each for each, found in runs.items() if median(one.measured.busy for one in found) > BUSY]
    remark = f"fewest of a client: {fewest}" + (f"; bound by the load generator: {' '.join(bound)}" if bound else "")
    cost = {
        each: per_cpu([(one.measured.messages, one.measured.cpu_seconds) for one in found])
        for each, found in runs.items()
    }
    told = [Line(name, "messages/s", values, variant.bars, remark, rates, cost)]
    if variant.stuck:
        growth = {each: [one.growth_mib for one in found] for each, found in runs.items()}
        end = " ".join(f"{found[-1].resident[-1] / MIB:,.0f}" for found in runs.values())
        bar = Bar(FLAT_MIB, at_most=True)
        grown = {each: median(found) for each, found in growth.items()}
        told.append(Line(f"{name}: memory", "MiB grown", grown, (bar,), f"MiB at the end: {end}", growth))
    return told
