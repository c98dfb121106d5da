"""What is remembered: compiled selections by what they select, and for each document which of them its fields need.

One library serves one schema; a document's part (`DocumentSelections`) lives in the Document and leaves with it.
"""

import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from graphql import (
    DocumentNode,
    ExecutableDefinitionNode,
    FieldNode,
    GraphQLObjectType,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetailsList

from schema.execution.chunks import EncodedChunks
from schema.execution.compiled.leaves import Forms
from schema.execution.compiled.plan import Record, records_below
from schema.execution.compiled.planning import NotCompilable, Planner
from schema.execution.compiled.selection import Selection
from schema.execution.compiled.values import PlainClasses
from schema.execution.kept_quotes import EncodedQuotes

MAX_BYTES = 32_000_000
"""What is remembered, as `Selection.memory` counts it: some 3,000 selections of a dozen fields. When it is full all is
forgotten: writing the selections of a whole front end anew takes some 50 ms."""
ENTRY_BYTES, KEY_BYTES = 250, 40
"""What a document's entry takes, and each part of its key."""

WORTH = 8
"""Objects from which a selection is compiled: its 0.3 ms are what ordinary execution spends on a dozen objects."""

Key: TypeAlias = tuple[object, ...]
"""Identities of the type and of the field nodes, then the values of the document's conditions."""
Known: TypeAlias = "Selection | int | None"
"""The selection; or how many objects ordinary execution has done so far; or None, it has to do them all."""


class Library:
    """The compiled selections of a schema. Bounded; belongs to one event loop."""

    def __init__(self, worth: int = WORTH, most: int = MAX_BYTES) -> None:
        """`worth` is the number of objects from which a selection is compiled; `most` bytes are remembered."""
        self.worth = worth
        self._forms = Forms()
        self._plain = PlainClasses()
        self._chunks = EncodedChunks()
        self._quotes = EncodedQuotes()
        self._selections: dict[str, Selection] = {}
        self._documents: weakref.WeakSet[DocumentSelections] = weakref.WeakSet()
        self._most = most
        self.size = 0
        """Bytes that are remembered."""

    def __len__(self) -> int:
        return len(self._selections)

    def document(self, node: DocumentNode) -> "DocumentSelections":
        """The memory of a document."""
        made = DocumentSelections(self, node)
        self._documents.add(made)
        return made

    def selection(self, record: Record) -> Selection:
        """The selection of a plan, written now if nobody needed it before."""
        known = self._selections.get(record.key)
        if known is None:
            below = {nested.key: self.selection(nested) for nested in records_below(record)}
            known = Selection(record, self._forms, self._plain, below, self._chunks, self._quotes)
            self.take(known.memory)
            self._selections[record.key] = known
        return known

    def take(self, size: int) -> None:
        """Count what is about to be remembered; with no room left for it everything else is forgotten."""
        self.size += size
        if self.size > self._most:
            self.size = size
            self._selections.clear()
            for document in self._documents:
                document.forget()


class DocumentSelections:
    """Which selections the fields of one document need."""

    __slots__ = ("__weakref__", "_conditions", "_known", "_library", "_node")

    def __init__(self, library: Library, node: DocumentNode) -> None:
        self._library = library
        self._node = node
        self._conditions: tuple[str, ...] | None = None
        self._known: dict[Key, Known] = {}

    def find(
        self, executor: Executor[Any], record_type: GraphQLObjectType, group: FieldDetailsList, objects: int
    ) -> Selection | None:
        """The selection for this many objects of a field; None if they have to go the ordinary way."""
        if self._conditions is None:
            self._conditions = tuple(dict.fromkeys(_conditions(self._node)))
        # Nodes by identity: the document holds them, and their own equality compares whole trees.
        key: Key = (id(record_type), *[id(details.node) for details in group])
        if self._conditions:
            variables = executor.variable_values.coerced
            key += tuple([variables.get(name) for name in self._conditions])
        known = self._known.get(key, 0)
        if isinstance(known, int):
            known = self._learn(key, known + objects, Planner(executor), record_type, group)
        return known

    def known(
        self, record_type: GraphQLObjectType, node: FieldNode, variables: Mapping[str, object]
    ) -> Selection | None:
        """The selection of a field of one node, if `find` has made it; None if it has not."""
        if self._conditions is None:
            return None
        key: Key = (id(record_type), id(node))
        if self._conditions:
            key += tuple([variables.get(name) for name in self._conditions])
        found = self._known.get(key)
        return found if isinstance(found, Selection) else None

    def forget(self) -> None:
        """Drop everything; it is found again as it is needed."""
        self._known.clear()

    def _learn(
        self, key: Key, objects: int, planner: Planner, record_type: GraphQLObjectType, group: FieldDetailsList
    ) -> Selection | None:
        self._library.take(ENTRY_BYTES + KEY_BYTES * len(key))
        if objects < self._library.worth:
            self._known[key] = objects
            return None
        try:
            found = self._library.selection(planner.record(record_type, group))
        except NotCompilable:
            self._known[key] = None
            return None
        self._known[key] = found
        return found


def _conditions(document: DocumentNode) -> Iterator[str]:
    """Variables that a `@skip` or `@include` of the document asks."""
    for definition in document.definitions:
        if isinstance(definition, ExecutableDefinitionNode):
            yield from _asked(definition.selection_set.selections)


def _asked(selections: Iterable[SelectionNode]) -> Iterator[str]:
    for selection in selections:
        for directive in selection.directives or ():
            for argument in directive.arguments or ():
                if isinstance(argument.value, VariableNode):
                    yield argument.value.name.value
        if isinstance(selection, FieldNode | InlineFragmentNode):
            below: SelectionSetNode | None = selection.selection_set
            yield from _asked(below.selections if below else ())
