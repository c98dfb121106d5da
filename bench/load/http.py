"""HTTP/1.1 load: the same request over a few kept connections, again and again, as fast as the server answers.

`python -m bench.load.http < question.json`. A raw protocol over uvloop with the request's bytes prepared: it costs
some 10 microseconds a request, so that the server is what is measured. Any status but 200 ends it with an error.
"""

import asyncio
import sys
from dataclasses import asdict, dataclass, field
from statistics import quantiles
from time import perf_counter, process_time

import orjson
import uvloop

from bench.usage import cpu_seconds

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
PATIENCE = 30.0
"""Seconds for the first answers."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to do."""

    host: str
    port: int
    request: str
    """The whole request; its bytes are ASCII."""
    connections: int
    server: int
    """Its process, whose processor time is read."""
    warm_seconds: float
    seconds: float


@dataclass(slots=True)
class Measured:
    """What was seen while it counted."""

    requests: int
    seconds: float
    bytes: int
    p50_ms: float
    p99_ms: float
    cpu_seconds: float
    """Processor time of the server."""
    busy: float
    """Part of the time that the generator itself was working: near 1, it is what was measured."""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


@dataclass
class Tally:
    """What all connections saw since the warm-up."""

    requests: int = 0
    bytes: int = 0
    times: list[float] = field(default_factory=list)
    failure: str | None = None

    def clear(self) -> None:
        """From now on it counts."""
        self.requests = self.bytes = 0
        self.times = []


class Connection(asyncio.Protocol):
    """One kept connection: sends, reads to the end of the body, sends again."""

    def __init__(self, request: bytes, tally: Tally) -> None:
        self._request = request
        self._tally = tally
        self._head = b""
        self._missing = -1
        """Bytes of the body that have not come yet; -1 while in the head."""
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Ask for the first time."""
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """A part of an answer."""
        self._tally.bytes += len(data)
        if self._missing < 0:
            self._head += data
            end = self._head.find(HEAD_END)
            if end < 0:
                return
            self._missing = self._body_length(self._head[:end]) - (len(self._head) - end - len(HEAD_END))
        else:
            self._missing -= len(data)
        if self._missing == 0:
            self._tally.requests += 1
            self._tally.times.append(perf_counter() - self._sent_at)
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """The server does not want any more."""
        self._tally.failure = self._tally.failure or f"the server closed a connection: {exc}"

    def _send(self) -> None:
        if self._transport is not None and self._tally.failure is None:
            self._head, self._missing = b"", -1
            self._sent_at = perf_counter()
            self._transport.write(self._request)

    def _body_length(self, head: bytes) -> int:
        lowered = head.lower()
        at = lowered.find(LENGTH)
        if not head.startswith(b"HTTP/1.1 200") or at < 0:
            self._tally.failure = f"not a plain 200: {head[:500]!r}"
            return sys.maxsize
        return int(lowered[at + len(LENGTH) :].split(b"\r\n", 1)[0])


async def measure(question: Question) -> Measured:
    """Open the connections, let them warm up, then count. Raises RuntimeError if the server did anything else."""
    loop, tally, request = asyncio.get_running_loop(), Tally(), question.request.encode()
    opened = [
        await loop.create_connection(lambda: Connection(request, tally), question.host, question.port)
        for _ in range(question.connections)
    ]
    async with asyncio.timeout(PATIENCE):
        while tally.requests == 0 and tally.failure is None:  # noqa: ASYNC110 - a poll costs the server nothing
            await asyncio.sleep(0.01)
    await asyncio.sleep(question.warm_seconds)
    tally.clear()
    begun, worked, used = perf_counter(), process_time(), cpu_seconds(question.server)
    await asyncio.sleep(question.seconds)
    taken = perf_counter() - begun
    busy, used = (process_time() - worked) / taken, cpu_seconds(question.server) - used
    failure, requests, received, times = tally.failure, tally.requests, tally.bytes, tally.times
    tally.failure = "the end"
    for transport, _ in opened:
        transport.abort()
    if failure is not None:
        raise RuntimeError(failure)
    shares = quantiles(times, n=100) if len(times) > 1 else [0.0] * 99
    return Measured(requests, taken, received, shares[49] * 1000, shares[98] * 1000, used, busy)


def main() -> None:
    """One measurement."""
    question = Question(**orjson.loads(sys.stdin.buffer.read()))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.buffer.write(orjson.dumps(asdict(runner.run(measure(question)))))


if __name__ == "__main__":
    main()
