# ruff: noqa: D101, D102 - the toy's types and fields are named for what they do
"""A small schema with every feature that the engine and the transports must carry, and no market behind it."""

import asyncio
import enum
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, NewType

import anyio
import anyio.lowlevel
import strawberry
from aiodataloader import DataLoader
from strawberry.permission import BasePermission
from strawberry.schema.config import StrawberryConfig

from app.domain.errors import Forbidden, LoginRequired, UnknownInstrument
from schema.execution.engine import Engine
from schema.execution.limits import CostModel, Limits
from schema.execution.records import OperationContext, OperationRecord

BigInt = NewType("BigInt", int)


def _parse_big(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**53:
        msg = f"BigInt cannot represent {value!r}"
        raise ValueError(msg)
    return value


BIG_INT = strawberry.scalar(name="BigInt", serialize=lambda value: value, parse_value=_parse_big)


@dataclass
class Ledger:
    """What the toy did, for assertions."""

    batches: list[list[str]] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    touched: int = 0
    records: list[OperationRecord] = field(default_factory=list)

    def reset(self) -> None:
        """Forget everything."""
        for kept in (self.batches, self.opened, self.closed, self.records):
            kept.clear()
        self.touched = 0


class ToyContext(OperationContext):
    """A context with one loader; `fresh` makes another with a loader of its own."""

    def __init__(self, ledger: Ledger, *, admin: bool = False, generation: int = 0) -> None:
        self.ledger = ledger
        self.admin = admin
        self.generation = generation
        self.loaded = 0
        self.prices: DataLoader[str, float] = DataLoader(self._load)

    async def _load(self, keys: list[str]) -> list[float]:
        self.ledger.batches.append(list(keys))
        self.loaded += len(keys)
        return [float(len(key)) for key in keys]

    def fresh(self) -> "ToyContext":
        return ToyContext(self.ledger, admin=self.admin, generation=self.generation + 1)

    def extensions(self) -> dict[str, object]:
        return {"cost": {"loaded": self.loaded}} if self.loaded else {}


Info = strawberry.Info[ToyContext, None]


class IsAdmin(BasePermission):
    """Raises the domain's error."""

    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        return bool(info.context.admin)

    def on_unauthorized(self) -> None:
        msg = "needs the role ADMIN"
        raise Forbidden(msg)


class Never(BasePermission):
    """Raises Strawberry's own error."""

    message = "never allowed"

    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        return False


@strawberry.enum
class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@strawberry.type
class Level:
    price: float


@strawberry.type
class Quote:
    id: strawberry.ID
    last_price: float
    volume: BigInt | None = None

    @strawberry.field
    async def loaded_price(self, info: Info) -> float:
        return await info.context.prices.load(self.id)

    @strawberry.field
    def again(self) -> "Quote":
        return self

    @strawberry.field
    def levels(self) -> list[Level]:
        return [Level(price=self.last_price), Level(price=self.last_price)]


@strawberry.type
class Candle:
    open: float
    close: float


@strawberry.type
class Series:
    count: int
    candles: list[Candle]


@strawberry.input
class Filter:
    colour: Colour = Colour.RED
    limit: int = 3


def make_quote(key: str) -> Quote:
    """A quote of any id but those that start with X."""
    if key.startswith("X"):
        msg = f"there is no instrument {key}"
        raise UnknownInstrument(msg)
    return Quote(id=strawberry.ID(key), last_price=1.5, volume=BigInt(2**40))


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"hello {name}"

    @strawberry.field
    def quote(self, id: strawberry.ID) -> Quote | None:  # noqa: A002 - the contract's name
        return make_quote(id)

    @strawberry.field
    def quotes(self, ids: list[strawberry.ID]) -> list[Quote | None]:
        return [make_quote(key) if not key.startswith("X") else None for key in ids]

    @strawberry.field
    def first_quotes(self, first: int = 5) -> list[Quote]:
        return [make_quote(f"Q{number}") for number in range(first)]

    @strawberry.field
    def candles(self, last: int | None = None) -> Series:
        return Series(count=last or 0, candles=[Candle(open=1, close=2) for _ in range(last or 0)])

    @strawberry.field
    def pick(self, by: Filter) -> str:
        return f"{by.colour.name} {by.limit}"

    @strawberry.field
    def colour(self, of: Colour) -> Colour:
        return of

    @strawberry.field
    def big(self, value: BigInt) -> BigInt:
        return value

    @strawberry.field
    def broken(self) -> str | None:
        msg = "the password is hunter2"
        raise RuntimeError(msg)

    @strawberry.field
    def broken_many(self) -> list[Quote] | None:
        msg = "the password is hunter2"
        raise RuntimeError(msg)

    @strawberry.field
    def misfit(self) -> int | None:
        return 2**40

    @strawberry.field
    def unprintable(self) -> BigInt:
        return BigInt(2**80)

    @strawberry.field
    def login(self) -> str | None:
        msg = "log in to Kite"
        raise LoginRequired(msg, login_url="http://127.0.0.1/auth")

    @strawberry.field
    async def slow(self, info: Info, seconds: float = 1.0) -> str:
        info.context.ledger.opened.append("slow")
        await anyio.sleep(seconds)
        return "slow"

    @strawberry.field
    async def orphan(self) -> str | None:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        future.cancel()
        return await future

    @strawberry.field(permission_classes=[IsAdmin])
    def secret(self) -> str | None:
        return "secret"

    @strawberry.field(permission_classes=[Never])
    def never(self) -> str | None:
        return "never"

    @strawberry.field
    def names(self, info: Info) -> list[str]:
        return [info.field_name, info.python_name, str(len(info.selected_fields)), str(sorted(info.variable_values))]


@strawberry.type
class Mutation:
    @strawberry.mutation
    def touch(self, info: Info) -> int:
        info.context.ledger.touched += 1
        return info.context.ledger.touched


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, info: Info, to: int = 3, pause: float = 0) -> AsyncGenerator[int, None]:
        info.context.ledger.opened.append("count")
        try:
            for number in range(to):
                yield number
                await anyio.sleep(pause)
        finally:
            info.context.ledger.closed.append("count")

    @strawberry.subscription
    async def endless(self, info: Info, name: str, pause: float = 0.01) -> AsyncGenerator[str, None]:
        info.context.ledger.opened.append(name)
        try:
            while True:
                yield name
                await anyio.sleep(pause)
        finally:
            await anyio.lowlevel.checkpoint()
            info.context.ledger.closed.append(name)

    @strawberry.subscription
    async def silent(self, info: Info, name: str) -> AsyncGenerator[str, None]:
        info.context.ledger.opened.append(name)
        try:
            yield name
            await anyio.sleep_forever()
        finally:
            info.context.ledger.closed.append(name)

    @strawberry.subscription
    async def quotes(self, ids: list[strawberry.ID], times: int = 2) -> AsyncGenerator[list[Quote], None]:
        for _ in range(times):
            yield [make_quote(key) for key in ids]

    @strawberry.subscription
    async def refused(self) -> AsyncGenerator[int, None]:
        yield len(make_quote("X").id)

    @strawberry.subscription
    async def breaks(self) -> AsyncGenerator[int, None]:
        yield 0
        msg = "the password is hunter2"
        raise RuntimeError(msg)

    @strawberry.subscription(permission_classes=[IsAdmin])
    async def secret(self) -> AsyncGenerator[int, None]:
        yield 1


def toy_schema() -> strawberry.Schema:
    """The schema, built anew."""
    return strawberry.Schema(Query, Mutation, Subscription, config=StrawberryConfig(scalar_map={BigInt: BIG_INT}))


def toy_engine(ledger: Ledger, **changes: Any) -> Engine:
    """An engine over the toy, with some limits changed."""
    return Engine(toy_schema(), limits=Limits(**changes), cost_model=CostModel(), on_operation=ledger.records.append)
