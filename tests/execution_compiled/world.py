"""Every type of the real schema under one root, objects of any of them, and the two ways to execute.

An object's values follow from its seed alone, and are made as they are asked for: right ones mostly, and as often as
`oddity` says something that no field expects.
"""

import asyncio
import random
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from types import GenericAlias, SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import strawberry
from graphql import (
    ExecutionResult,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLID,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    parse,
)
from graphql.execution.values import VariableValues
from strawberry.schema.config import StrawberryConfig

from app.domain.errors import InvalidInput, UnknownInstrument
from app.domain.provenance import DataSource
from app.domain.ticks import Cursor
from app.domain.time import IST
from schema.build import build_schema
from schema.execution.compiled.library import DocumentSelections, Library
from schema.execution.documents import Document, DocumentCache, Operation
from schema.execution.executor import OperationExecutor, build_executor
from schema.execution.limits import DEFAULT_COST_MODEL, DEFAULT_LIMITS
from schema.types.scalars import SCALARS

ROOTS = ("Query", "Mutation", "Subscription")
NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
REAL = build_schema()._schema
RECORDS = {
    name: kind
    for name, kind in REAL.type_map.items()
    if isinstance(kind, GraphQLObjectType) and not name.startswith("__") and name not in ROOTS
}


def _world_schema() -> GraphQLSchema:
    """One root with each type of the real schema alone, in a list, and in a list with holes."""
    fields: dict[str, object] = {}
    for name, kind in RECORDS.items():
        origin: Any = kind.extensions["strawberry-definition"].origin
        fields |= {f"one{name}": origin, f"some{name}": origin | None}
        rows, holes = GenericAlias(list, (origin,)), GenericAlias(list, (origin | None,))
        fields |= {f"all{name}": rows, f"many{name}": holes | None}
    root = type("Root", (), {"__annotations__": fields})
    schema = strawberry.Schema(query=strawberry.type(root), config=StrawberryConfig(scalar_map=SCALARS))
    return schema._schema


SCHEMA = _world_schema()
DOCUMENTS = DocumentCache(SCHEMA, DEFAULT_LIMITS, DEFAULT_COST_MODEL)


class Raises(Exception):
    """What reading an attribute may raise."""


class Text(str):
    """A text that is not exactly one."""

    __slots__ = ()


class Soon:
    """Something to wait for, any number of times."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __await__(self) -> Generator[None, None, object]:
        yield from ()
        return self._value


class Some:
    """Iterable and no list."""

    def __init__(self, items: list[object]) -> None:
        self._items = items

    def __iter__(self) -> Iterator[object]:
        return iter(self._items)


UNSEEN: dict[str, dict[str, tuple[str, GraphQLLeafType]]] = {
    "Instrument": {"underlying_id": ("underlyingId", GraphQLID)},
    "Quote": {
        "mode": ("mode", GraphQLString),
        "in_session": ("inSession", GraphQLBoolean),
        "delayed_by": ("delayedBy", GraphQLString),
    },
}
"""Attributes that computed fields read and that are no fields."""


class Thing:
    """An object of a record type."""

    def __init__(self, kind: GraphQLObjectType, seed: str, oddity: float) -> None:
        attributes: dict[str, tuple[str, Any]] = {}
        for name, field in kind.fields.items():
            definition = field.extensions["strawberry-definition"]
            attributes[definition.python_name] = (name, field.type)
        attributes |= UNSEEN.get(kind.name, {})
        self._made = attributes, seed, oddity

    def __getattr__(self, name: str) -> object:
        attributes, seed, oddity = self.__dict__["_made"]
        if name not in attributes:
            raise AttributeError(name)
        field, kind = attributes[name]
        value = make(kind, f"{seed}.{field}", oddity)
        if value is Raises:
            raise Raises(field)
        self.__dict__[name] = value
        return value


ZONE = ZoneInfo("America/New_York")
GOOD: dict[str, Callable[[random.Random], object]] = {
    "String": lambda any_: any_.choice(["", "INFY", 'a"b\\', "ठ", "x" * 40]),
    "ID": lambda any_: any_.choice(["NSE:INFY", "7"]),
    "Int": lambda any_: any_.choice([0, -1, 2**31 - 1, -(2**31), 42]),
    "Float": lambda any_: any_.choice([0.0, -0.0, 1.5, 1e300, 24_500.05, 5e-324]),
    "Boolean": lambda any_: any_.choice([True, False]),
    "BigInt": lambda any_: any_.choice([0, 2**53 - 1, -(2**40), 7]),
    "DateTime": lambda any_: NOW + timedelta(microseconds=any_.choice([0, 1, 999_999, 86_400_000_000])),
    "Date": lambda any_: any_.choice([date(2026, 11, 26), date(1, 1, 1)]),
    "Cursor": lambda any_: Cursor("e", any_.randrange(9)),
}
ODD: list[object] = [
    None, Raises, ValueError("no"), InvalidInput("no"), asyncio.CancelledError(), True, False, 0, 3, -7, 2**31, 2**70,
    10**400, 1.0, 1.5, float("nan"), float("inf"), "", "7", "1.5", "KITE", "LIVE", Text("KITE"), DataSource.KITE, b"x",
    [], {}, (1, 2), ["a"], object(), Soon(None), Soon(1), Soon("KITE"), Some([]), Some([None, 1]), {"a": 1},
    datetime(2026, 11, 1, 1, 30, fold=0, tzinfo=ZONE), datetime(2026, 11, 1, 1, 30, fold=1, tzinfo=ZONE),
    datetime(2026, 11, 20, 9, 15, tzinfo=IST), datetime.max.replace(tzinfo=UTC), date(2026, 1, 1), NOW,
]  # fmt: skip
"""What any value may be instead of a right one."""


def make(kind: Any, seed: str, oddity: float) -> object:
    """A value of a GraphQL type."""
    any_ = random.Random(seed)  # noqa: S311 - test data
    if any_.random() < oddity:
        return any_.choice(ODD)
    if isinstance(kind, GraphQLNonNull):
        return _present(kind.of_type, seed, oddity, any_)
    if any_.random() < 0.2:
        return None
    return _present(kind, seed, oddity, any_)


def _present(kind: Any, seed: str, oddity: float, any_: random.Random) -> object:
    if isinstance(kind, GraphQLList):
        items = [make(kind.of_type, f"{seed}.{index}", oddity) for index in range(any_.randrange(4))]
        return tuple(items) if any_.random() < 0.5 else items
    if isinstance(kind, GraphQLObjectType):
        return Thing(kind, seed, oddity)
    return _leaf(kind, any_)


def _leaf(kind: GraphQLLeafType, any_: random.Random) -> object:
    if isinstance(kind, GraphQLEnumType):
        members: list[Enum] = list(kind.wrapped_cls)  # type: ignore[attr-defined]  # Strawberry's own enum type
        return any_.choice(members)
    return GOOD[kind.name](any_)


class Root:
    """The root value: every field of the world's root from one seed."""

    def __init__(self, seed: str, oddity: float) -> None:
        assert SCHEMA.query_type
        self._thing = Thing(SCHEMA.query_type, seed, oddity)

    def __getattr__(self, name: str) -> object:
        return getattr(self._thing, name)


def context(seed: str, oddity: float) -> Any:
    """What resolvers see: services that answer things, at one instant."""

    def thing(name: str, key: object) -> Any:
        return Thing(SCHEMA.type_map[name], f"{seed}.{name}.{key}", oddity)  # type: ignore[arg-type]  # an object type

    def find(key: object) -> Any:
        return None if oddity and key == "7" else thing("Instrument", key)

    def require(key: object) -> Any:
        raise UnknownInstrument(f"no {key}")

    async def series(*_: object, **__: object) -> Any:
        return thing("CandleSeries", "asked")

    async def fundamentals(*_: object, **__: object) -> Any:
        return thing("Fundamentals", "asked")

    async def view(*_: object) -> Any:
        return SimpleNamespace(breadth=thing("Breadth", "asked"), ranked=None)

    async def indicators(*_: object, **__: object) -> Any:
        return [thing("IndicatorSeries", "asked")]

    catalogue = SimpleNamespace(find=find)
    services = SimpleNamespace(
        clock=SimpleNamespace(now=lambda: NOW),
        instruments=SimpleNamespace(catalogue=catalogue, find=find, require=require),
        feed=SimpleNamespace(latest=lambda key, _: None if key == "7" else thing("Quote", key)),
        phases=SimpleNamespace(open_at=lambda _: lambda _: True, phase_of=lambda *_: thing("MarketPhase", "now")),
        history=SimpleNamespace(candles=series),
        indicators=SimpleNamespace(indicators=indicators),
        fundamentals=SimpleNamespace(fundamentals=fundamentals),
        market=SimpleNamespace(view=view),
    )
    prices = SimpleNamespace(one=lambda *_: thing("Quote", "priced"))
    return SimpleNamespace(services=services, prices=prices, cost=None, deliver=lambda one: one)


@dataclass(frozen=True)
class Case:
    """A query with its variables, and the seed of all that it may meet."""

    query: str
    variables: dict[str, bool]
    seed: str = "0"
    oddity: float = 0.0
    root: object = None
    """Instead of the objects of the seed."""

    @property
    def is_valid(self) -> bool:
        """Whether the service would execute it."""
        return isinstance(DOCUMENTS.document(self.query), Document)

    def executor(self, compiled: DocumentSelections | None) -> OperationExecutor:
        """Executes it on new objects, with compiled selections or without any."""
        document = DOCUMENTS.document(self.query)
        assert isinstance(document, Document), (self.query, document)
        operation = document.choose(None)
        assert isinstance(operation, Operation)
        seen = context(self.seed, self.oddity)
        executor = build_executor(SCHEMA, operation, VariableValues({}, self.variables), seen, None, compiled=False)
        executor.selections = compiled
        executor.root_value = self.root or Root(self.seed, self.oddity)
        return executor

    def answer(self, compiled: DocumentSelections | None) -> bytes:
        """Data and errors as JSON; what is wrong with them if they are none."""
        return asyncio.run(self.answered(compiled))

    async def answered(self, compiled: DocumentSelections | None) -> bytes:
        """The same, on a loop that runs."""
        result = await finished(self.executor(compiled))
        try:
            return orjson.dumps({"data": result.data, "errors": [error.formatted for error in result.errors or ()]})
        except TypeError as error:
            return str(error).encode()


async def finished(executor: OperationExecutor) -> ExecutionResult:
    """The result of an executor."""
    outcome: Any = executor.execute_operation()
    result: ExecutionResult = await outcome if executor.is_awaitable(outcome) else outcome
    # What an error made superfluous is settled behind the result; a loop that closes first leaves it unawaited.
    while executor.background_futures:
        await asyncio.wait(executor.background_futures)
    return result


def compiled_for(query: str, library: Library | None = None) -> DocumentSelections:
    """The compiled selections of a query, from a library that compiles whatever it sees."""
    return (Library(worth=1) if library is None else library).document(parse(query))
