"""Root fields by their plan: the same answers as graphql-core's, and no resolver twice."""

import asyncio
import gc
import weakref
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
import strawberry
from structlog.testing import capture_logs

from app.domain.errors import InvalidInput
from schema.execution.engine import Engine, Prepared
from schema.execution.records import GraphQLRequest
from schema.execution.roots import Replay


@strawberry.type
class Item:
    """A record."""

    name: str
    size: int


@strawberry.type
class Query:
    """What the tests ask: each resolver notes its call in the context."""

    @strawberry.field
    def items(self, info: strawberry.Info, count: int = 8, odd: str | None = None) -> list[Item | None]:
        """So many, with something odd in the second place."""
        info.context.calls.append(f"items {count} {odd} {info.path.key} {info.variable_values}")
        found: list[Any] = [Item(name=f"n{number}", size=number) for number in range(count)]
        if odd is not None:
            found[1] = {"error": InvalidInput("no such item"), "null": None, "wrong": Item(name="x", size="y")}[odd]  # type: ignore[arg-type]
        return found

    @strawberry.field
    def one(self, info: strawberry.Info, mood: str) -> Item | None:
        """One, or none, or an error, or later."""
        info.context.calls.append(f"one {mood}")
        if mood == "error":
            msg = "no such item"
            raise InvalidInput(msg)
        if mood == "bug":
            raise KeyError(mood)
        if mood == "later":
            return _later()  # type: ignore[return-value]
        return None if mood == "none" else Item(name="one", size=1)

    @strawberry.field
    def surely(self, info: strawberry.Info, mood: str = "fine") -> Item:
        """The same, and null is an error."""
        info.context.calls.append(f"surely {mood}")
        return None if mood == "none" else Item(name="one", size=1)  # type: ignore[return-value]


async def _later() -> Item:
    await asyncio.sleep(0)
    return Item(name="later", size=2)


@dataclass
class Context:
    """One operation's calls."""

    calls: list[str] = field(default_factory=list)

    def fresh(self) -> "Context":
        """Unused here."""
        return Context()

    def extensions(self) -> dict[str, object]:
        """None."""
        return {}


@pytest.fixture
def engine() -> Engine:
    """One that has learnt nothing."""
    return Engine(strawberry.Schema(Query), on_operation=lambda _: None)


def ready(engine: Engine, query: str, variables: dict[str, Any]) -> Prepared:
    """The operation."""
    prepared = engine.prepare(GraphQLRequest(query, variables))
    assert isinstance(prepared, Prepared), prepared
    return prepared


async def both(engine: Engine, query: str, variables: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The answer by the plan, which must be graphql-core's, made by the same calls; ids of errors apart."""
    monkeypatch.setattr("schema.execution.engine.new_operation_id", lambda: "id")
    answers = []
    for is_planned in (True, False):
        prepared, context = ready(engine, query, variables), Context()
        if not is_planned:
            operation = {name: getattr(prepared.operation, name) for name in type(prepared.operation).__slots__}
            prepared.operation = type(prepared.operation)(**{**operation, "roots": None})
        with capture_logs() as logs:
            answer = orjson.dumps(await engine.execute(prepared, context))
        answers.append((answer, context.calls, [each["event"] for each in logs]))
    assert answers[0] == answers[1]
    assert len(set(context.calls)) == len(context.calls)
    return answers[0][0]


async def learn(engine: Engine, query: str, variables: dict[str, Any]) -> None:
    """Let graphql-core's executor compile the selections."""
    for _ in range(10):
        await engine.execute(ready(engine, query, variables), Context())


LIST = "query ($count: Int = 9, $odd: String) { all: items(count: $count, odd: $odd) { name size } }"
ONE = 'query ($mood: String!, $sure: String = "fine") { one(mood: $mood) { name } surely(mood: $sure) { size } }'


@pytest.mark.parametrize(
    "given", [{}, {"count": 3}, {"odd": None}, {"odd": "error"}, {"odd": "null"}, {"odd": "wrong"}]
)
async def test_list_is_answered_alike(engine: Engine, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Defaults of variables, aliases, nulls, errors in their places."""
    await learn(engine, LIST, {})

    assert isinstance(run(engine, LIST, {}), dict)
    assert await both(engine, LIST, given, monkeypatch)


@pytest.mark.parametrize("mood", ["fine", "none", "error", "bug", "later"])
@pytest.mark.parametrize("sure", ["fine", "none"])
async def test_objects_are_answered_alike(
    engine: Engine, mood: str, sure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two root fields: whatever comes of one, the other is resolved once."""
    await learn(engine, ONE, {"mood": "fine"})

    assert isinstance(run(engine, ONE, {"mood": "fine"}), dict)
    answer = await both(engine, ONE, {"mood": mood, "sure": sure}, monkeypatch)
    assert (b'"later"' in answer) == (mood == "later" and sure == "fine")


def run(engine: Engine, query: str, variables: dict[str, Any]) -> object:
    """What the plan alone makes of it."""
    prepared = ready(engine, query, variables)
    assert prepared.operation.roots is not None
    return prepared.operation.roots.run(prepared.variables.coerced, Context(), None)


async def test_nothing_is_resolved_before_the_selection_is_known(engine: Engine) -> None:
    """What is not compiled is the executor's from the beginning."""
    assert run(engine, LIST, {}) is None
    await learn(engine, LIST, {})
    assert isinstance(run(engine, LIST, {}), dict)
    assert isinstance(run(engine, LIST, {"odd": "error"}), Replay)


@pytest.mark.parametrize(
    "query",
    [
        "{ __typename items { name } }",
        '{ items { name } ...More } fragment More on Query { one(mood: "") { name } }',
        "query ($yes: Boolean = true) { items @include(if: $yes) { name } }",
        "{ items { name } items { size } }",
    ],
)
async def test_unusual_roots_have_no_plan(engine: Engine, query: str) -> None:
    """Fragments, directives, fields asked for twice and what is no record are graphql-core's."""
    assert ready(engine, query, {}).operation.roots is None


async def test_selection_follows_its_conditions(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """One document, other fields by other variables."""
    query = "query ($size: Boolean!) { items { name size @include(if: $size) } }"
    seen = []
    for size in (True, False, True):
        await learn(engine, query, {"size": size})
        assert isinstance(run(engine, query, {"size": size}), dict)
        seen.append(await both(engine, query, {"size": size}, monkeypatch))

    assert (b"size" in seen[0], b"size" in seen[1], b"size" in seen[2]) == (True, False, True)


@pytest.mark.parametrize("mood", ["fine", "later"])
async def test_operation_is_freed_at_its_end(engine: Engine, mood: str) -> None:
    """By the plan and after it, without the cyclic collector."""
    await learn(engine, ONE, {"mood": "fine"})
    gc.collect()
    gc.disable()
    try:
        context = Context()
        seen = weakref.ref(context)
        await engine.execute(ready(engine, ONE, {"mood": mood}), context)
        del context
        assert seen() is None
    finally:
        gc.enable()
