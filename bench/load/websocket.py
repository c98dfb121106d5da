"""Fan load: many sockets, one subscription each, and a count of what they receive.

`python -m bench.load.websocket < question.json`. Every socket has its own subscription id, as clients have that
do not know of each other. A stuck socket subscribes and never reads again.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import perf_counter, process_time

import orjson
import uvloop

from bench.load.frames import KEY, UPGRADE, OnMessage, Subscriber
from bench.usage import cpu_seconds

PATIENCE = 40.0
"""Seconds until the last of the sockets has its first update."""
AT_ONCE = 50
"""Sockets that are opened side by side."""
SMALL_BUFFER = 4_096
"""Receive buffer of a stuck socket, so that it is full soon."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to do."""

    host: str
    port: int
    path: str
    payloads: list[str]
    """The JSON of `payload` in `subscribe`: the n-th client takes the n-th, and the first follows the last."""
    clients: int
    stuck: int
    server: int
    """Its process: told to move its prices, by SIGUSR2, once every client is served; 0: they move anyway."""
    warm_seconds: float
    seconds: float


@dataclass(slots=True)
class Measured:
    """What was seen while it counted."""

    messages: int
    seconds: float
    opening_seconds: float
    """From the first socket's upgrade to the last one's first update."""
    fewest: int
    """Messages of the client that got the fewest, stuck ones left out."""
    most: int
    first: str
    """The first client's first update."""
    lost: int
    """Sockets that were closed on a client that reads."""
    mean_bytes: float
    """Of a message."""
    cpu_seconds: float
    """Processor time of the server."""
    busy: float
    """Part of the time that the generator itself was working: near 1, it is what was measured."""


async def open_all(question: Question, subscribers: Sequence[Subscriber], *, patience: float = PATIENCE) -> float:
    """Connect every subscriber; the seconds until all had an update. Raises TimeoutError, ConnectionError."""
    gate, begun = asyncio.Semaphore(AT_ONCE), perf_counter()

    async def open_one(subscriber: Subscriber) -> None:
        async with gate:
            line = socket.socket()
            line.setblocking(False)
            if subscriber.stuck:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(line, (question.host, question.port))
            await loop.create_connection(lambda: subscriber, sock=line)

    try:
        async with asyncio.timeout(patience):
            async with asyncio.TaskGroup() as group:
                for subscriber in subscribers:
                    group.create_task(open_one(subscriber))
            while not all(subscriber.ready for subscriber in subscribers):
                if lost := next((subscriber for subscriber in subscribers if subscriber.lost), None):
                    raise ConnectionError(lost.failure or "a socket was lost")
                await asyncio.sleep(0.02)
    except TimeoutError:
        ready = sum(subscriber.ready for subscriber in subscribers)
        raise TimeoutError(f"{ready} of {len(subscribers)} sockets had an update after {patience:g} s") from None
    return perf_counter() - begun


def subscribers_of(question: Question, on_update: OnMessage | None = None) -> list[Subscriber]:
    """The clients, not yet connected; every tenth or so is stuck, spread evenly."""
    upgrade = UPGRADE.format(path=question.path, host=question.host, port=question.port, key=KEY).encode()
    every = question.clients // question.stuck if question.stuck else sys.maxsize
    payloads = question.payloads
    return [
        Subscriber(
            upgrade,
            f'{{"id":"client-{number}","type":"subscribe","payload":{payloads[number % len(payloads)]}}}',
            stuck=number % every == every - 1,
            on_update=on_update,
        )
        for number in range(question.clients)
    ]


async def measure(question: Question) -> Measured:
    """Open, warm up, count."""
    subscribers = subscribers_of(question)
    reading = [each for each in subscribers if not each.stuck]
    opening = await open_all(question, subscribers)
    if question.server:
        os.kill(question.server, signal.SIGUSR2)
    await asyncio.sleep(question.warm_seconds)
    before = [each.updates for each in reading]
    begun, worked, used = perf_counter(), process_time(), cpu_seconds(question.server)
    await asyncio.sleep(question.seconds)
    counts = [each.updates - old for each, old in zip(reading, before, strict=True)]
    taken = perf_counter() - begun
    busy, used = (process_time() - worked) / taken, cpu_seconds(question.server) - used
    lost = sum(each.lost or each.close_code is not None for each in reading)
    mean = sum(each.update_bytes for each in reading) / sum(each.updates for each in reading)
    for each in subscribers:
        each.close()
    return Measured(
        sum(counts), taken, opening, min(counts), max(counts), reading[0].first.decode(), lost, mean, used, busy
    )


def main() -> None:
    """One measurement."""
    question = Question(**orjson.loads(sys.stdin.buffer.read()))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.buffer.write(orjson.dumps(asdict(runner.run(measure(question)))))


if __name__ == "__main__":
    main()
