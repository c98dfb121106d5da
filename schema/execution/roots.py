"""The root fields of a query, planned once for each operation and answered without graphql-core where all is plain.

The engine runs the plan first. As soon as a root field is not plainly right (it must be awaited, it raises, its
selection is not compiled yet) the ordinary executor answers the whole operation. It takes what is resolved already from
a `Replay`, so that no resolver runs twice and every error is graphql-core's own. The plan lives in the document's
Operation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    ArgumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    Undefined,
    VariableNode,
    is_list_type,
    is_non_null_type,
    is_object_type,
    is_required_argument,
)
from graphql.execution.values import coerce_argument
from graphql.pyutils import Path
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from schema.execution.compiled.library import DocumentSelections
from schema.execution.compiled.selection import Selection
from schema.execution.info import ResolveInfo, is_awaitable

Resolve = Callable[..., Any]


class Replay:
    """What root fields were resolved to, by response name. For one operation."""

    __slots__ = ("_raised", "_values")

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._raised: dict[str, Exception] = {}

    def first(self, field: "RootField", info: ResolveInfo, given: Mapping[str, Any]) -> Any:
        """What the field's resolver returns; Undefined if it raised."""
        try:
            value = self._values[field.response_name] = field.resolve(None, info, **given)
        except Exception as error:  # noqa: BLE001 - raised again where graphql-core calls the resolver
            self._raised[field.response_name] = error
            return Undefined
        return value

    def resolve(self, resolve: Resolve, source: Any, info: Any, /, **given: Any) -> Any:
        """What graphql-core calls as middleware: a root field that has run says again what came of it."""
        name = info.path.key if info.path.prev is None else None
        if name in self._raised:
            raise self._raised.pop(name)  # kept, it would keep this object by its traceback, and be kept by it
        return self._values[name] if name in self._values else resolve(source, info, **given)


@dataclass(frozen=True, slots=True)
class _Given:
    """An argument that a variable gives."""

    name: str
    """For the resolver."""
    variable: str
    default: Any
    """Undefined: there is none."""
    takes_null: bool
    is_required: bool


class RootField:
    """One root field. Immutable; shared by all requests of the operation."""

    __slots__ = ("_constants", "_given", "_is_list", "_items_nullable", "_node", "_nullable", "_path", "_record_type",
                 "_return_type", "resolve", "response_name")  # fmt: skip

    def __init__(self, definition: GraphQLField, node: FieldNode, parent: GraphQLObjectType) -> None:
        """Raises Unplanned for what only graphql-core can answer."""
        known = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if definition.resolve is None or node.directives or not isinstance(known, StrawberryField) or known.is_async:
            raise Unplanned
        self.resolve: Resolve = definition.resolve
        self.response_name = (node.alias or node.name).value
        self._node = node
        self._return_type = definition.type
        self._nullable, inner = _without_null(definition.type)
        self._is_list, self._items_nullable = is_list_type(inner), False
        if is_list_type(inner):
            self._items_nullable, inner = _without_null(inner.of_type)
        if not is_object_type(inner):
            raise Unplanned
        self._record_type = inner
        self._path = Path(None, self.response_name, parent.name)
        nodes = {argument.name.value: argument for argument in node.arguments or ()}
        self._given: list[_Given] = []
        self._constants: dict[str, Any] = {}
        for name, argument in definition.args.items():
            self._plan(name, argument, nodes.get(name))

    def _plan(self, name: str, argument: GraphQLArgument, given: ArgumentNode | None) -> None:
        constants: dict[str, Any] = {}
        by_variable = given is not None and isinstance(given.value, VariableNode)
        is_required = is_required_argument(argument)
        try:
            if not (by_variable and is_required):
                coerce_argument(constants, self._node, name, argument, None if by_variable else given, None, None)
        except GraphQLError as error:  # a variable deep in a literal, for one
            raise Unplanned from error
        if any(isinstance(value, list | dict) for value in constants.values()):
            raise Unplanned  # a resolver may keep what it gets: it must be new for each request
        if not by_variable:
            self._constants.update(constants)
            return
        default = next(iter(constants.values()), Undefined)
        takes_null = not is_non_null_type(argument.type)
        variable = given.value.name.value  # type: ignore[union-attr]  # by `by_variable`
        self._given.append(_Given(argument.out_name or name, variable, default, takes_null, is_required))

    def arguments(self, variables: Mapping[str, Any]) -> dict[str, Any] | None:
        """What the resolver is called with; None: graphql-core must say what is wrong."""
        taken = self._constants.copy()
        for given in self._given:
            value = variables.get(given.variable, Undefined)
            if value is Undefined:
                if given.is_required:
                    return None
                value = given.default
            elif value is None and not given.takes_null:
                return None
            if value is not Undefined:
                taken[given.name] = value
        return taken

    def info(self, plan: "RootPlan", variables: dict[str, Any], context: object, extensions: object) -> ResolveInfo:
        """What `strawberry.Info` reads."""
        return ResolveInfo(
            self._node.name.value, [self._node], self._return_type, plan.root, self._path, plan.schema, plan.fragments,
            None, plan.operation, variables, context, is_awaitable, None, None, extensions,
        )  # fmt: skip

    def selection(self, selections: DocumentSelections, variables: Mapping[str, Any]) -> Selection | None:
        """The compiled selection below the field, once there is one."""
        return selections.known(self._record_type, self._node, variables)

    def complete(self, value: Any, selection: Selection, context: object) -> Any:
        """The value in the answer; Undefined, or any exception, for one that is not plainly right."""
        if value is None:
            return None if self._nullable else Undefined
        if self._is_list:
            return selection.of_list(value, context, nullable=self._items_nullable)
        return Undefined if isinstance(value, Exception) else selection.of_one(value, context)


@dataclass(frozen=True, slots=True)
class RootPlan:
    """The root fields of one query."""

    schema: GraphQLSchema
    root: GraphQLObjectType
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    selections: DocumentSelections
    fields: Sequence[RootField]

    def run(self, variables: dict[str, Any], context: object, extensions: object) -> dict[str, object] | Replay | None:
        """The whole data without errors; or what has been resolved so far, None if nothing was."""
        data: dict[str, object] = {}
        replay: Replay | None = None
        for field in self.fields:
            selection = field.selection(self.selections, variables)
            given = None if selection is None else field.arguments(variables)
            if selection is None or given is None:
                return replay
            replay = replay or Replay()
            value = replay.first(field, field.info(self, variables, context, extensions), given)
            if value is Undefined or is_awaitable(value):
                return replay
            try:
                completed = field.complete(value, selection, context)
            except Exception:  # noqa: BLE001 - whatever it is, ordinary execution says it, with its path
                return replay
            if completed is Undefined:
                return replay
            data[field.response_name] = completed
        return data


class Unplanned(Exception):
    """Only graphql-core answers this."""


def plan_roots(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: dict[str, FragmentDefinitionNode],
    selections: DocumentSelections,
) -> RootPlan | None:
    """The plan of a query whose root fields are records or lists of them, each asked for once; None for others."""
    root = schema.query_type
    nodes = operation.selection_set.selections
    if operation.operation is not OperationType.QUERY or root is None or operation.directives:
        return None
    try:
        fields = [_field(schema, root, node) for node in nodes]
    except Unplanned:
        return None
    if len({field.response_name for field in fields}) < len(fields):
        return None
    return RootPlan(schema, root, operation, fragments, selections, tuple(fields))


def _field(schema: GraphQLSchema, root: GraphQLObjectType, node: object) -> RootField:
    definition = schema.get_field(root, node.name.value) if isinstance(node, FieldNode) else None
    if definition is None or not isinstance(node, FieldNode):
        raise Unplanned
    return RootField(definition, node, root)


def _without_null(kind: GraphQLOutputType) -> tuple[bool, GraphQLOutputType]:
    return (False, kind.of_type) if is_non_null_type(kind) else (True, kind)
