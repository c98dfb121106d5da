"""Documents, understood once: text in, parsed, limited, validated and priced document (or its failure) out.

The engine asks for each request; what is known already is answered from a bounded cache, failures too.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    parse,
)
from graphql.execution.collect_fields import FragmentDetails

from schema.execution.analysis import analyse
from schema.execution.coercion import VariablePlan
from schema.execution.compiled.library import DocumentSelections, Library
from schema.execution.cost import Cost
from schema.execution.failures import failure, graphql_failure, limit_failure
from schema.execution.limits import CostModel, LimitExceeded, Limits, check_limit
from schema.execution.records import FailureKind, OperationKind, RequestFailure
from schema.execution.roots import RootPlan, plan_roots
from schema.execution.sizes import variable_defaults
from schema.execution.validation import validation_errors

CACHED_FAILURES = 200
"""Broken documents remembered: enough for a client that retries, too few to matter for memory."""

ECHOED_CHARACTERS = 100
"""How much of a caller's own text an error repeats."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a valid document, ready to be executed with any variables."""

    node: OperationDefinitionNode
    kind: OperationKind
    name: str | None
    cost: Cost
    defaults: Mapping[str, object]
    """Values of the variables that a request leaves out."""
    variables: VariablePlan
    roots: RootPlan | None
    """How its root fields are answered at once; None: by graphql-core."""
    document: "Document"

    def price(self, variables: Mapping[str, object]) -> int:
        """The estimated cost with these variables, as they came from the client."""
        return self.cost.value({**self.defaults, **variables} if self.defaults else variables)


class Document:
    """A valid document."""

    __slots__ = ("_operations", "fragment_definitions", "fragments", "selections")

    def __init__(
        self,
        schema: GraphQLSchema,
        node: DocumentNode,
        costs: Mapping[str | None, Cost],
        selections: DocumentSelections,
    ) -> None:
        self.selections = selections
        definitions = [d for d in node.definitions if isinstance(d, FragmentDefinitionNode)]
        self.fragment_definitions = {d.name.value: d for d in definitions}
        self.fragments = {d.name.value: FragmentDetails(d, None) for d in definitions}
        self._operations: dict[str | None, Operation] = {}
        for definition in node.definitions:
            if isinstance(definition, OperationDefinitionNode):
                operation = self._operation(schema, definition, costs)
                self._operations[operation.name] = operation

    def _operation(
        self, schema: GraphQLSchema, node: OperationDefinitionNode, costs: Mapping[str | None, Cost]
    ) -> Operation:
        name = node.name.value if node.name else None
        plan = VariablePlan(schema, node.variable_definitions or ())
        roots = plan_roots(schema, node, self.fragment_definitions, self.selections)
        return Operation(node, node.operation.value, name, costs[name], variable_defaults(node), plan, roots, self)

    def choose(self, name: str | None) -> Operation | RequestFailure:
        """The operation that a request means: the named one, or the only one."""
        if name is None:
            if len(self._operations) == 1:
                return next(iter(self._operations.values()))
            names = ", ".join(sorted(str(known) for known in self._operations))
            return _no_operation(f"the document has several operations ({names}): say which as operationName")
        found = self._operations.get(name)
        return found or _no_operation(f"the document has no operation named {name[:ECHOED_CHARACTERS]!r}")


def _no_operation(message: str) -> RequestFailure:
    return failure(FailureKind.OPERATION, message, "OPERATION_RESOLUTION_FAILURE")


class DocumentCache:
    """Understood documents by their text.

    Bounded in entries and in characters, least recently used out first; failures are kept apart, so that garbage
    never drives out what front ends use. Not thread-safe: it belongs to one event loop.
    """

    def __init__(self, schema: GraphQLSchema, limits: Limits, model: CostModel) -> None:
        self._schema = schema
        self._limits = limits
        self._model = model
        self._library = Library()
        self._known: OrderedDict[str, Document] = OrderedDict()
        self._failed: OrderedDict[str, RequestFailure] = OrderedDict()
        self._characters = 0

    def __len__(self) -> int:
        return len(self._known)

    @property
    def characters(self) -> int:
        """Total text of the documents kept."""
        return self._characters

    def document(self, query: str) -> Document | RequestFailure:
        """What a text means, from the cache or worked out now."""
        known = self._known.get(query)
        if known is not None:
            self._known.move_to_end(query)
            return known
        failed = self._failed.get(query)
        if failed is not None:
            return failed
        understood = self._understand(query)
        if isinstance(understood, Document):
            self._keep(query, understood)
        elif len(query) <= self._limits.max_characters:
            self._failed[query] = understood
            if len(self._failed) > CACHED_FAILURES:
                self._failed.popitem(last=False)
        return understood

    def _keep(self, query: str, document: Document) -> None:
        self._known[query] = document
        self._characters += len(query)
        while len(self._known) > self._limits.cached_documents or self._characters > self._limits.cached_characters:
            dropped, _ = self._known.popitem(last=False)
            self._characters -= len(dropped)

    def _understand(self, query: str) -> Document | RequestFailure:
        try:
            node = self._parse(query)
            costs = analyse(self._schema, node, limits=self._limits, model=self._model)
            errors = validation_errors(self._schema, node, max_errors=self._limits.max_validation_errors)
        except LimitExceeded as exceeded:
            return limit_failure(exceeded)
        except GraphQLSyntaxError as error:
            return graphql_failure(FailureKind.PARSE, [error], "GRAPHQL_PARSE_FAILED")
        if errors:
            return graphql_failure(FailureKind.VALIDATION, errors, "GRAPHQL_VALIDATION_FAILED")
        if not costs:
            return _no_operation("the document has no operation")
        return Document(self._schema, node, costs, self._library.document(node))

    def _parse(self, query: str) -> DocumentNode:
        limits = self._limits
        check_limit("DOCUMENT_TOO_LONG", "characters", value=len(query), limit=limits.max_characters)
        try:
            return parse(query, max_lexical_tokens=limits.max_tokens, max_comments=limits.max_comments)
        except GraphQLSyntaxError as error:
            raise _lexer_limit(error, limits) or error from None


def _lexer_limit(error: GraphQLSyntaxError, limits: Limits) -> LimitExceeded | None:
    """graphql-core counts tokens and comments as it reads, and says so as a syntax error; None if it was a true one."""
    bounds = (
        (
            f"Document contains more than {limits.max_tokens} tokens",
            "DOCUMENT_TOO_MANY_TOKENS",
            "tokens",
            limits.max_tokens,
        ),
        (
            f"Document contains more than {limits.max_comments} comments",
            "DOCUMENT_TOO_MANY_COMMENTS",
            "comments",
            limits.max_comments,
        ),
        ("Document is nested too deeply", "DOCUMENT_TOO_DEEP", "levels", limits.max_nesting),
    )
    for phrase, code, what, limit in bounds:
        if error.message.startswith(f"Syntax Error: {phrase}"):
            return LimitExceeded(code, f"the document has more than {limit} {what}", limit=limit)
    return None
