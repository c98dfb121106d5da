"""graphql-core's executor as Strawberry's resolvers need it, built from what is known per document."""

from typing import Any, NamedTuple, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
)
from graphql.execution import Executor, default_field_resolver, default_type_resolver
from graphql.execution.values import VariableValues
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable

from schema.execution.documents import Operation


class ResolveInfo(NamedTuple):
    """What `strawberry.Info` reads: graphql-core's info with the plain variables and the request's extensions."""

    field_name: str
    field_nodes: list[FieldNode]
    return_type: GraphQLOutputType
    parent_type: GraphQLObjectType
    path: Path
    schema: GraphQLSchema
    fragments: dict[str, FragmentDefinitionNode]
    root_value: Any
    operation: OperationDefinitionNode
    variable_values: dict[str, Any]
    context: Any
    is_awaitable: Any
    abort_signal: Any
    async_helpers: Any
    operation_extensions: Any


class OperationExecutor(Executor[Any]):
    """Executes one operation. Strawberry subclasses the executor for @defer, which we do not offer; this is shorter."""

    operation_extensions: Any = None

    def build_per_event_executor(self, payload: Any) -> "OperationExecutor":
        """The executor of one event, with a memory of subfields that ends with it.

        graphql-core 3.3.2 copies the executor and so shares that memory, which each event fills with new keys:
        3 KB an event, for as long as the subscription lives.
        """
        executor = cast("OperationExecutor", super().build_per_event_executor(payload))
        executor._relevant_sub_fields = {}  # noqa: SLF001 - the one place that keeps events apart
        return executor

    def build_resolve_info(
        self, field_def: GraphQLField, field_nodes: list[FieldNode], parent_type: GraphQLObjectType, path: Path
    ) -> GraphQLResolveInfo[Any]:
        """The info of one field."""
        return ResolveInfo(  # type: ignore[return-value]  # strawberry reads exactly these fields
            field_nodes[0].name.value,
            field_nodes,
            field_def.type,
            parent_type,
            path,
            self.schema,
            self.fragment_definitions,
            self.root_value,
            self.operation,
            self.variable_values.coerced,
            self.context_value,
            self.is_awaitable,
            self.abort_signal,
            self.async_helpers,
            self.operation_extensions,
        )


def build_executor(
    schema: GraphQLSchema, operation: Operation, variables: VariableValues, context: object, extensions: object
) -> OperationExecutor:
    """An executor for one request of a known operation."""
    executor = OperationExecutor(
        schema,
        operation.document.fragment_definitions,
        operation.document.fragments,
        None,
        context,
        operation.node,
        variables,
        default_field_resolver,
        default_type_resolver,
        default_field_resolver,
        is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]  # it is no TypeGuard, and need not be
    )
    executor.operation_extensions = extensions
    return executor
