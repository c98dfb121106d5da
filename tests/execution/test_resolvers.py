"""Short resolvers against Strawberry's own."""

from typing import Annotated, Any

import pytest
import strawberry
from graphql import GraphQLSchema, graphql_sync
from strawberry.relay import GlobalID

from schema.execution.resolvers import shorten_resolvers
from tests.support.toy import Colour


class Refuse(strawberry.extensions.FieldExtension):
    """Wraps a resolver, so that it must stay as it is."""

    def resolve(self, next_: Any, source: Any, info: Any, **kwargs: Any) -> Any:
        """Say so."""
        return f"wrapped {next_(source, info, **kwargs)}"


@strawberry.input
class Shape:
    """An input object, which Strawberry must build."""

    sides: int = 3


def described(parent: strawberry.Parent["Thing"], info: strawberry.Info, prefix: str = "a") -> str:
    """Parent and info, by name."""
    return f"{prefix} {parent.name} at {info.path.key}"


@strawberry.type
class Thing:
    """A record with a resolver of its own."""

    name: str
    described: str = strawberry.field(resolver=described)


@strawberry.type
class Query:
    """One field for each way of asking."""

    @strawberry.field
    def thing(self, name: str | None = None) -> Thing:
        """Python's default where the argument is left out, None where it is null."""
        return Thing(name=repr(name))

    @strawberry.field
    def several(
        self,
        these_ids: list[strawberry.ID],
        colours: Annotated[list[Colour] | None, strawberry.argument(name="in")] = None,
    ) -> str:
        """Lists, under another name than Python's."""
        return f"{these_ids} {colours}"

    @strawberry.field
    def grid(self, of: list[list[int]]) -> str:
        """Not short: a list of lists."""
        return str(of)

    @strawberry.field
    def defaults(self, ids: list[str] = strawberry.UNSET) -> str:
        """An argument that is told from null when it is left out."""
        return repr(ids)

    @strawberry.field
    def kept(self, ids: Annotated[list[str], strawberry.argument()] = ["a"]) -> list[str]:  # noqa: B006 - the point
        """A default that its resolver changes."""
        ids.append("b")
        return ids

    @strawberry.field
    def shaped(self, shape: Shape) -> int:
        """Not short: an input object."""
        return shape.sides

    @strawberry.field
    def known(self, id: GlobalID) -> str:  # noqa: A002 - GraphQL's name
        """Not short: parsed by Strawberry."""
        return id.node_id

    @strawberry.field(extensions=[Refuse()])
    def wrapped(self) -> str:
        """Not short: something is wrapped around it."""
        return "x"

    @strawberry.field
    async def later(self, info: strawberry.Info) -> str:
        """Awaited by graphql-core as before."""
        return info.field_name

    @strawberry.field
    def root(self, root: Any, *, colour: Colour = Colour.RED) -> str:
        """A source by its other name."""
        return f"{root} {colour!r}"


QUERIES = (
    '{ thing { name described } other: thing(name: null) { described(prefix: "the") } }',
    '{ several(theseIds: [1, "b"], in: [RED]) }',
    '{ several(theseIds: "one", in: null) grid(of: [[1], [2, 3]]) }',
    '{ defaults given: defaults(ids: ["a"]) }',
    "{ first: kept second: kept }",
    "{ shaped(shape: { sides: 4 }) wrapped root blue: root(colour: BLUE) }",
    "{ several(theseIds: 1.5) }",
)


def built(*, short: bool) -> tuple[GraphQLSchema, int]:
    """The schema, and how many resolvers became short."""
    schema = strawberry.Schema(Query)
    return schema._schema, shorten_resolvers(schema) if short else 0


@pytest.mark.parametrize("query", QUERIES)
def test_short_resolvers_get_what_strawberry_gives(query: str) -> None:
    """Names, defaults, nulls, copies, sources and errors."""
    short, _ = built(short=True)
    long, _ = built(short=False)
    assert repr(graphql_sync(short, query)) == repr(graphql_sync(long, query))


def test_what_strawberry_must_do_stays_its_own() -> None:
    """Input objects, global ids, lists of lists, whatever is wrapped, and plain attributes."""
    schema, shortened = built(short=True)
    query = schema.query_type
    assert query is not None
    ours = {name for name, field in query.fields.items() if field.resolve.__module__ == "schema.execution.resolvers"}
    assert ours == {"thing", "defaults", "kept", "several", "later", "root"}
    assert shortened == len(ours) + 1
