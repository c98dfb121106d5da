"""Queries over the world's root: aliases, merged fields, fragments of all kinds, conditions, `__typename`."""

from dataclasses import dataclass, field

from graphql import GraphQLNamedType, GraphQLObjectType, get_named_type, is_object_type
from hypothesis import strategies as st

from tests.execution_compiled.world import SCHEMA

ARGUMENTS = {"Instrument.candles": "(interval: DAY, last: 5)", "CandleSeries.indicators": "(of: [{kind: SMA}])"}
"""What fields that need arguments are given."""
DEEPEST = 4
WIDEST = 4
VARIABLES = ("p", "q")
CONDITIONS = ("", "", "", "", "", "@skip(if: $p)", "@include(if: $p)", "@skip(if: $q)", "@include(if: true)",
              "@include(if: $q) @skip(if: $p)", "@skip(if: true)")  # fmt: skip


@dataclass
class Writer:
    """Writes one document; its choices are hypothesis's."""

    draw: st.DrawFn
    fragments: dict[str, list[str]] = field(default_factory=dict)
    """Names of the finished fragments by type."""
    definitions: list[str] = field(default_factory=list)

    def document(self) -> str:
        """The whole text."""
        assert SCHEMA.query_type
        body = self.selection(SCHEMA.query_type, 0)
        text = " ".join([body, *self.definitions])
        used = ", ".join(f"${name}: Boolean!" for name in VARIABLES if f"${name}" in text)
        return f"query ({used}) {text}" if used else text

    def selection(self, kind: GraphQLObjectType, depth: int) -> str:
        """A selection set of a type."""
        count = self.draw(st.integers(1, WIDEST))
        return f"{{ {' '.join(self.entry(kind, depth) for _ in range(count))} }}"

    def entry(self, kind: GraphQLObjectType, depth: int) -> str:
        """One selection."""
        condition = self.draw(st.sampled_from(CONDITIONS))
        way = self.draw(st.sampled_from(["field"] * 6 + ["__typename", "inline", "typed", "named"]))
        if depth >= DEEPEST or way == "__typename":
            return f"{self.draw(st.sampled_from(['', 't: ']))}__typename {condition}"
        if way == "field":
            return self.one_field(kind, condition, depth)
        if way == "named":
            return f"...{self.named(kind, depth)} {condition}"
        on = f"on {kind.name}" if way == "typed" else ""
        return f"... {on} {condition} {self.selection(kind, depth + 1)}"

    def one_field(self, kind: GraphQLObjectType, condition: str, depth: int) -> str:
        """A field; an alias never stands for two fields, so that what meets can be merged."""
        name = self.draw(st.sampled_from(sorted(kind.fields)))
        alias = self.draw(st.sampled_from(["", "", "", f"{name}_1: ", f"{name}_2: "]))
        below: GraphQLNamedType = get_named_type(kind.fields[name].type)
        inner = self.selection(below, depth + 1) if is_object_type(below) else ""
        return f"{alias}{name}{ARGUMENTS.get(f'{kind.name}.{name}', '')} {condition} {inner}"

    def named(self, kind: GraphQLObjectType, depth: int) -> str:
        """The name of a fragment on a type: a finished one, or a new one."""
        known = self.fragments.setdefault(kind.name, [])
        chosen = self.draw(st.integers(0, len(known)))
        if chosen < len(known):
            return known[chosen]
        body = self.selection(kind, depth + 1)
        name = f"F{len(self.definitions)}"
        self.definitions.append(f"fragment {name} on {kind.name} {body}")
        known.append(name)
        return name


@st.composite
def queries(draw: st.DrawFn) -> str:
    """A query of the world; now and then one that is too deep or too dear to be executed."""
    return Writer(draw).document()
