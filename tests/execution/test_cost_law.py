"""The price of a document equals the price of its expansion, for any document."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from graphql import build_schema, parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schema.execution.analysis import analyse
from schema.execution.limits import CostModel, Limits

SCHEMA = build_schema(
    """
    type Query { node: Node }
    type Node {
      node: Node series(last: Int): Series rows(first: Int): [Node!]! many: [Node!]! leafs: [Int!]! leaf: Int
    }
    type Series { node: Node rows: [Node!]! leafs: [Int!]! leaf: Int }
    """
)
ASSUMED = 3
UNBOUNDED = Limits(
    max_cost=10**13, max_depth=10**3, max_nesting=10**3, max_root_fields=10**13, max_aliases=10**6, max_fragments=10**3
)


@dataclass(frozen=True)
class Field:
    """A field of a generated document; `size` is the argument, if it has one."""

    name: str
    size: int | None
    below: "Selections"


@dataclass(frozen=True)
class Selections:
    """A selection set: fields, and fragments by number."""

    fields: tuple[Field, ...]
    spreads: tuple[int, ...]


LEAVES = st.sampled_from([Field("leaf", None, Selections((), ())), Field("leafs", None, Selections((), ()))])


def selections(depth: int, spreads: st.SearchStrategy[tuple[int, ...]]) -> st.SearchStrategy[Selections]:
    """Selection sets on a Node, or on a Series below `series`."""
    inner = LEAVES if depth == 0 else st.one_of(LEAVES, fields(depth, spreads))
    return st.builds(Selections, st.lists(inner, min_size=1, max_size=3).map(tuple), spreads)


def fields(depth: int, spreads: st.SearchStrategy[tuple[int, ...]]) -> st.SearchStrategy[Field]:
    """Fields with something below them."""
    sizes = st.one_of(st.none(), st.integers(1, 4))
    plain = st.builds(Field, st.sampled_from(["node", "many"]), st.none(), selections(depth - 1, spreads))
    rows = st.builds(Field, st.just("rows"), sizes, selections(depth - 1, spreads))
    series = st.builds(Field, st.just("series"), sizes, series_selections(depth - 1, spreads))
    return st.one_of(plain, rows, series)


def series_selections(depth: int, spreads: st.SearchStrategy[tuple[int, ...]]) -> st.SearchStrategy[Selections]:
    """Selection sets on a Series, which has no arguments and no fragments."""
    rows = st.builds(Field, st.sampled_from(["rows", "node"]), st.none(), selections(max(depth - 1, 0), spreads))
    return st.builds(Selections, st.lists(st.one_of(LEAVES, rows), min_size=1, max_size=3).map(tuple), st.just(()))


def fragment_spreads(after: int, count: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Spreads of fragments with a higher number, so that there is no cycle."""
    if after + 1 >= count:
        return st.just(())
    return st.lists(st.integers(after + 1, count - 1), max_size=2).map(tuple)


FRAGMENTS = 3
DOCUMENTS = st.tuples(
    selections(2, fragment_spreads(-1, FRAGMENTS)),
    st.tuples(*(selections(1, fragment_spreads(number, FRAGMENTS)) for number in range(FRAGMENTS))),
)


def text(selected: Selections, aliases: Iterator[int]) -> str:
    """The document's text; every field has an alias of its own."""
    parts = []
    for field in selected.fields:
        argument = "last" if field.name == "series" else "first"
        arguments = f"({argument}: {field.size})" if field.size is not None else ""
        inner = text(field.below, aliases) if field.below.fields else ""
        parts.append(f"a{next(aliases)}: {field.name}{arguments} {inner}")
    parts += [f"...f{number}" for number in selected.spreads]
    return "{" + " ".join(parts) + "}"


def expanded(selected: Selections, fragments: tuple[Selections, ...], handed_down: int | None) -> int:
    """The price, by walking everything as often as it is executed."""
    total = sum(expanded(fragments[number], fragments, handed_down) for number in selected.spreads)
    for field in selected.fields:
        total += 1 + below(field, fragments, handed_down)
    return total


def below(field: Field, fragments: tuple[Selections, ...], handed_down: int | None) -> int:
    """The price of what is below a field."""
    if field.name in {"many", "rows", "leafs"}:
        length = field.size or handed_down or ASSUMED
        return length * (expanded(field.below, fragments, None) if field.below.fields else 1)
    if field.name == "series" and field.size:
        handed_down = field.size
    return expanded(field.below, fragments, handed_down) if field.below.fields else 0


@settings(suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
@given(DOCUMENTS)
def test_memoised_price_is_the_expanded_price(document: tuple[Selections, tuple[Selections, ...]]):
    """Summing each fragment once gives what walking it at every spread gives."""
    selected, fragments = document
    aliases = itertools.count()
    source = f"{{ node {text(selected, aliases)} }}"
    source += "".join(f" fragment f{n} on Node {text(fragment, aliases)}" for n, fragment in enumerate(fragments))

    costs = analyse(SCHEMA, parse(source), limits=UNBOUNDED, model=CostModel(assumed_size=ASSUMED))

    assert costs[None].value({}) == 1 + expanded(selected, fragments, None)
