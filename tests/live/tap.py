# ruff: noqa: D101, D102 - the schema's types and fields are named for what they do
"""A schema with one subscription whose source a test plays, and members in memory."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
import orjson
import strawberry

from app.domain.errors import Forbidden
from schema.execution.engine import Engine, Prepared, Result
from schema.execution.records import GraphQLRequest, OperationContext, OperationRecord
from schema.live.sharing import Sharing
from schema.live.streams import LiveStreams


@dataclass(frozen=True)
class Number:
    """A payload: the newest of `merged` numbers."""

    sequence: int
    merged: int = 1
    text: str = ""


@dataclass
class Tap:
    """The sources of a test: what is put goes to every open one."""

    opened: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    executed: int = 0
    records: list[OperationRecord] = field(default_factory=list)
    queues: list[asyncio.Queue[object]] = field(default_factory=list)

    def put(self, *payloads: object) -> None:
        """Numbers to yield, exceptions to raise, None to end."""
        for queue in self.queues:
            for payload in payloads:
                queue.put_nowait(payload)

    async def flow(self, name: str) -> AsyncGenerator[Number, None]:
        """What is put from now on."""
        queue: asyncio.Queue[object] = asyncio.Queue()
        self.queues.append(queue)
        self.opened.append(name)
        try:
            while (payload := await queue.get()) is not None:
                if isinstance(payload, Exception):
                    raise payload
                assert isinstance(payload, Number)
                yield payload
        finally:
            self.queues.remove(queue)
            self.closed.append(name)


class TapContext(OperationContext):
    """A caller with a role; `spent` is what its stream spent since the last event."""

    def __init__(self, tap: Tap, role: str = "reader", spent: list[int] | None = None) -> None:
        self.tap = tap
        self.role = role
        self.spent = [0] if spent is None else spent

    def fresh(self) -> "TapContext":
        taken, self.spent[0] = self.spent[0], 0
        return TapContext(self.tap, self.role, [taken])

    def extensions(self) -> dict[str, object]:
        return {"cost": self.spent[0]}


Info = strawberry.Info[TapContext, None]


@strawberry.type
class NumberType:
    sequence: int
    merged: int
    text: str

    @strawberry.field
    def executed(self, info: Info) -> bool:
        info.context.tap.executed += 1
        return True

    @strawberry.field
    async def awaited(self) -> bool:
        """What stands for several takes longer."""
        await anyio.sleep(0.01 if self.merged == 1 else 0.05)
        return True


@strawberry.type
class Query:
    a: int = 1


@strawberry.type
class Subscription:
    @strawberry.subscription(graphql_type=AsyncGenerator[NumberType, None])
    async def numbers(self, info: Info, name: str = "n", *, alone: bool = False) -> AsyncGenerator[Number, None]:
        if name == "refused":
            msg = "not for you"
            raise Forbidden(msg)
        info.context.spent[0] += 1
        async for number in info.context.tap.flow(name):
            yield number
            info.context.spent[0] += 1


def merged(numbers: Sequence[Number]) -> list[Number]:
    """The newest, and how many it stands for."""
    return [Number(numbers[-1].sequence, sum(number.merged for number in numbers), numbers[-1].text)]


def so_far(numbers: Sequence[Number]) -> Number:
    """The same for a latecomer."""
    return merged(numbers)[0]


def is_sound(number: Number) -> bool:
    """Negative ones are not."""
    return number.sequence >= 0


SHARING = Sharing(merged, so_far, is_sound)


def sharing_of(arguments: Mapping[str, Any]) -> Sharing | None:
    """By an argument."""
    return None if arguments["alone"] else SHARING


SCHEMA = strawberry.Schema(Query, None, Subscription)
NUMBERS = 'subscription N($name: String! = "n"){numbers(name: $name){sequence merged executed}}'


class Client:
    """An Outlet that a test fills and drains."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.texts: list[bytes] = []
        self.full = False
        self.last: Result | None = None
        self.on_write: list[Callable[[], object]] = []
        """What else happens while it is written to."""
        self._waiting: list[Callable[[], None]] = []

    def write(self, encoded: bytes) -> bool:
        """Take it, unless full."""
        if self.full:
            return False
        for happens in self.on_write:
            happens()
        self.texts.append(encoded)
        self.messages.append(orjson.loads(encoded))
        return True

    def when_ready(self, callback: Callable[[], None]) -> None:
        self._waiting.append(callback)

    def drain(self) -> None:
        """Take more again."""
        self.full = False
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()

    @property
    def error(self) -> dict[str, Any]:
        """The first one of the last result."""
        errors: Any = (self.last or {})["errors"]
        return dict(errors[0])

    @property
    def told(self) -> list[tuple[int, int]]:
        """Sequence and count of each message."""
        numbers = [message["data"]["numbers"] for message in self.messages]
        return [(number["sequence"], number["merged"]) for number in numbers]


@dataclass
class Stage:
    """Streams in memory."""

    tap: Tap
    engine: Engine
    live: LiveStreams
    tasks: asyncio.TaskGroup
    merged: list[int]

    def prepared(self, query: str = NUMBERS, **variables: Any) -> Prepared:
        prepared = self.engine.prepare(GraphQLRequest(query, variables))
        assert isinstance(prepared, Prepared), prepared
        return prepared

    def join(self, query: str = NUMBERS, role: str = "reader", **variables: Any) -> "Joined":
        """A new member."""
        serve = self.live.shared(self.prepared(query, **variables), TapContext(self.tap, role))
        assert serve is not None
        client = Client()

        async def member() -> None:
            client.last = await serve(client)

        return Joined(client, self.tasks.create_task(member()))

    async def tell(self, *payloads: object) -> None:
        """Put, and let everything happen."""
        await settle()
        self.tap.put(*payloads)
        await settle()


@dataclass
class Joined:
    """A member and its task."""

    client: Client
    task: "asyncio.Task[None]"

    async def leave(self) -> None:
        """As a client does that completes its operation."""
        self.task.cancel()
        await settle()


async def settle() -> None:
    """In virtual time: everything that can happen now has happened."""
    await anyio.sleep(0.1)
