"""One pass over a parsed document, before validation: every count that a limit needs, and the price.

`documents` calls `analyse` once per document. Each fragment is summarised once, however often it is spread, so
the work is linear in the document's size even where its expansion doubles at every level.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
)

from schema.execution.cost import CEILING, Cost, CostSum
from schema.execution.limits import CostModel, LimitExceeded, Limits, check_limit
from schema.execution.sizes import FieldSizes, field_sizes


@dataclass(frozen=True, slots=True)
class Summary:
    """What a selection set amounts to. Its price inside a list of `n` is `fixed + n x per_item`."""

    depth: int = 0
    nesting: int = 0
    width: int = 0
    """Fields at its top after fragments are expanded."""
    fixed: Cost = field(default_factory=Cost)
    per_item: Cost = field(default_factory=Cost)
    alone: Cost = field(default_factory=Cost)
    """The price where no argument further out says how long the lists get."""


class _Collector:
    """Adds up the selections of one set."""

    __slots__ = ("alone", "depth", "fixed", "nesting", "per_item", "width")

    def __init__(self) -> None:
        self.depth = self.nesting = self.width = 0
        self.fixed, self.per_item, self.alone = CostSum(), CostSum(), CostSum()

    def include(self, part: Summary) -> None:
        """Add a fragment's selections as if they stood here."""
        self.reach(part.depth, part.nesting)
        self.width = min(self.width + part.width, CEILING)
        self.fixed.add(part.fixed)
        self.per_item.add(part.per_item)
        self.alone.add(part.alone)

    def reach(self, depth: int, nesting: int) -> None:
        self.depth = max(self.depth, depth)
        self.nesting = max(self.nesting, nesting)

    def summary(self) -> Summary:
        return Summary(
            depth=self.depth,
            nesting=self.nesting + 1,
            width=self.width,
            fixed=self.fixed.total(),
            per_item=self.per_item.total(),
            alone=self.alone.total(),
        )


EMPTY = Summary()
FRAGMENT_CYCLE = "DOCUMENT_FRAGMENT_CYCLE"


class _Analysis:
    """The state of one pass."""

    def __init__(self, schema: GraphQLSchema, model: CostModel, limits: Limits, document: DocumentNode) -> None:
        self._schema = schema
        self._model = model
        self._limits = limits
        definitions = document.definitions
        self._fragments = {d.name.value: d for d in definitions if isinstance(d, FragmentDefinitionNode)}
        self._summaries: dict[str, Summary] = {}
        self._open: set[str] = set()
        self.aliases = 0
        self.directives = 0

    def operation(self, node: OperationDefinitionNode) -> Summary:
        self.directives += len(node.directives or ())
        return self.selection_set(node.selection_set, self._schema.get_root_type(node.operation), 0)

    def fragment(self, name: str, level: int) -> Summary:
        known = self._summaries.get(name)
        if known is not None:
            return known
        definition = self._fragments.get(name)
        if definition is None:
            return EMPTY
        if name in self._open:
            raise LimitExceeded(FRAGMENT_CYCLE, f"the fragment '{name}' contains itself")
        self._open.add(name)
        self.directives += len(definition.directives or ())
        parent = self._schema.get_type(definition.type_condition.name.value)
        summary = self.selection_set(definition.selection_set, parent, level)
        self._open.discard(name)
        self._summaries[name] = summary
        return summary

    def selection_set(self, node: SelectionSetNode, parent: GraphQLNamedType | None, level: int) -> Summary:
        self._check_nesting(level)
        collected = _Collector()
        for selection in node.selections:
            self.directives += len(selection.directives or ())
            self._selection(selection, parent, level, collected)
        self._check_nesting(level + collected.nesting)
        return collected.summary()

    def _selection(
        self, node: SelectionNode, parent: GraphQLNamedType | None, level: int, collected: _Collector
    ) -> None:
        if isinstance(node, FieldNode):
            self._field(node, parent, level, collected)
        elif isinstance(node, FragmentSpreadNode):
            collected.include(self.fragment(node.name.value, level + 1))
        elif isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            inner = self._schema.get_type(condition.name.value) if condition else parent
            collected.include(self.selection_set(node.selection_set, inner, level + 1))

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None, level: int, collected: _Collector) -> None:
        if node.alias:
            self.aliases += 1
        definition = self._definition(parent, node.name.value)
        below = EMPTY
        if node.selection_set:
            inner = get_named_type(definition.type) if definition else None
            below = self.selection_set(node.selection_set, inner, level + 1)
        collected.width += 1
        collected.reach(below.depth + 1, below.nesting)
        sizes = field_sizes(node, definition, parent.name if parent else "", self._model)
        _price(sizes, below, collected)

    def _definition(self, parent: GraphQLNamedType | None, name: str) -> GraphQLField | None:
        if parent is None or not is_composite_type(parent):
            return None
        return self._schema.get_field(parent, name)

    def _check_nesting(self, level: int) -> None:
        limit = self._limits.max_nesting
        check_limit("DOCUMENT_TOO_DEEP", "selections inside selections", value=level, limit=limit)


def _price(sizes: FieldSizes, below: Summary, collected: _Collector) -> None:
    """Add a field's price: its own, and what is below it as often as it will be executed.

    A field with a size argument hands its size to the first list on every path below it, as `candles(last:)` does
    for `CandleSeries.candles`; a list consumes the size.
    """
    own = Cost(sizes.price)
    for total in (collected.fixed, collected.alone):
        total.add(own)
    if sizes.arguments:
        _price_sized(sizes, below, collected)
    elif sizes.is_list:
        inner = below.alone if below.nesting else Cost(1)
        collected.alone.add(inner, sizes.assumed)
        collected.per_item.add(inner)
    else:
        collected.alone.add(below.alone)
        collected.fixed.add(below.fixed)
        collected.per_item.add(below.per_item)


def _price_sized(sizes: FieldSizes, below: Summary, collected: _Collector) -> None:
    per_row = below.per_item
    if sizes.is_list:
        per_row = below.alone if below.nesting else Cost(1)
    for total in (collected.fixed, collected.alone):
        if not sizes.is_list:
            total.add(below.fixed)
        for size in sizes.arguments:
            total.add(per_row, size)


def analyse(
    schema: GraphQLSchema, document: DocumentNode, *, limits: Limits, model: CostModel
) -> dict[str | None, Cost]:
    """The price of each operation of a document, by its name.

    Raises LimitExceeded if the document is over any bound that does not depend on variables.
    """
    fragments = [d for d in document.definitions if isinstance(d, FragmentDefinitionNode)]
    check_limit("DOCUMENT_TOO_MANY_FRAGMENTS", "fragments", value=len(fragments), limit=limits.max_fragments)
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    state = _Analysis(schema, model, limits, document)
    costs: dict[str | None, Cost] = {}
    for node in operations:
        summary = state.operation(node)
        _check_operation(summary, limits)
        costs[node.name.value if node.name else None] = summary.alone
    _summarise_unused(state, fragments)
    check_limit("DOCUMENT_TOO_MANY_ALIASES", "aliases", value=state.aliases, limit=limits.max_aliases)
    check_limit("DOCUMENT_TOO_MANY_DIRECTIVES", "directives", value=state.directives, limit=limits.max_directives)
    return costs


def _check_operation(summary: Summary, limits: Limits) -> None:
    check_limit("DOCUMENT_TOO_DEEP", "fields inside fields", value=summary.depth, limit=limits.max_depth)
    check_limit("DOCUMENT_TOO_MANY_ROOT_FIELDS", "root fields", value=summary.width, limit=limits.max_root_fields)
    check_limit("DOCUMENT_TOO_COSTLY", "estimated cost", value=summary.alone.const, limit=limits.max_cost)


def _summarise_unused(state: _Analysis, fragments: Iterable[FragmentDefinitionNode]) -> None:
    """Validation walks unused fragments too, so they count."""
    for definition in fragments:
        state.fragment(definition.name.value, 0)
