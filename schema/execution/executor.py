"""graphql-core's executor as Strawberry's resolvers need it, built from what is known per document.

Built by the engine for each operation. Records (`schema.execution.compiled`) are written by one compiled function;
whatever that does not take for granted is completed by graphql-core as if there were no such function.
"""

from collections.abc import Sequence
from typing import Any, cast

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
)
from graphql.execution import Executor, MiddlewareManager, default_field_resolver, default_type_resolver
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.values import VariableValues
from graphql.pyutils import Path

from app.domain.candles import CandleColumns
from schema.execution.compiled.library import WORTH, DocumentSelections
from schema.execution.compiled.selection import Selection
from schema.execution.documents import Operation
from schema.execution.info import ResolveInfo, is_awaitable
from schema.execution.roots import Replay


class OperationExecutor(Executor[Any]):
    """Executes one operation. Strawberry subclasses the executor for @defer, which we do not offer; this is shorter."""

    operation_extensions: Any = None
    selections: DocumentSelections | None = None
    """The document's compiled selections; None: everything goes the ordinary way, with the same result."""

    def compiled_for(
        self, output_type: GraphQLOutputType, field_details_list: FieldDetailsList, objects: int = WORTH
    ) -> Selection | None:
        """The compiled selection of a field group, if the type is an object type and it is worth it for so many."""
        if self.selections is None or not isinstance(output_type, GraphQLObjectType):
            return None
        return self.selections.find(self, output_type, field_details_list, objects)

    def complete_list_value(
        self,
        return_type: GraphQLList[GraphQLOutputType],
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """A list: of records by their compiled function, unless that meets something unusual."""
        item_type = return_type.of_type
        nullable = not isinstance(item_type, GraphQLNonNull)
        record_type = item_type.of_type if isinstance(item_type, GraphQLNonNull) else item_type
        selection = None
        try:
            objects = len(result) if isinstance(result, list | tuple) else WORTH
            selection = self.compiled_for(record_type, field_details_list, objects)
            if selection is not None:
                return selection.of_list(result, self.context_value, nullable=nullable)
        except Exception:  # noqa: BLE001, S110 - whatever it is, ordinary execution says it, with its path
            pass
        if selection is not None and nullable and isinstance(result, list | tuple):
            rows = self._around_errors(selection, result, item_type, field_details_list, info, path)
            if rows is not None:
                return rows
        return super().complete_list_value(return_type, field_details_list, info, path, result, position_context)

    def _around_errors(
        self,
        selection: Selection,
        items: Sequence[Any],
        item_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
    ) -> list[Any] | None:
        """A list whose errors stand in their places and whose objects are compiled; None if anything else is unusual.

        An id that does not exist is usual among fifty, and must not make the other quotes slow.
        """
        good = [item for item in items if not isinstance(item, Exception)]
        if len(good) == len(items):
            return None
        try:
            rows = iter(cast("list[Any]", selection.of_list(good, self.context_value, nullable=True)))
        except Exception:  # noqa: BLE001 - as above
            return None
        completed: list[Any] = []
        for index, item in enumerate(items):
            if isinstance(item, Exception):
                place = path.add_key(index, None)
                self.complete_list_item_value(item, completed, item_type, field_details_list, info, place, None)
            else:
                completed.append(next(rows))
        return completed

    def complete_object_value(
        self,
        return_type: GraphQLObjectType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """An object: a record by its compiled function, unless that meets something unusual."""
        try:
            objects = WORTH if isinstance(result, CandleColumns) else 1  # these hold thousands of numbers
            selection = self.compiled_for(return_type, field_details_list, objects)
            if selection is not None:
                return selection.of_one(result, self.context_value)
        except Exception:  # noqa: BLE001, S110 - as above
            pass
        return super().complete_object_value(return_type, field_details_list, info, path, result, position_context)

    def release(self) -> None:
        """After the operation: let go of what refers back here, or all of it waits for the cyclic collector."""
        self.async_helpers = None  # type: ignore[assignment]  # nothing is resolved any more

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


def build_executor(  # noqa: PLR0913 - what one request has
    schema: GraphQLSchema,
    operation: Operation,
    variables: VariableValues,
    context: object,
    extensions: object,
    *,
    compiled: bool = True,
    replay: Replay | None = None,
) -> OperationExecutor:
    """An executor for one request of a known operation. Without `compiled` the answer is the same and slower.

    `replay`: what root fields have been resolved to already, so that no resolver runs twice.
    """
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
        middleware_manager=MiddlewareManager(replay) if replay is not None else None,
        is_awaitable=is_awaitable,  # type: ignore[arg-type]  # it is no TypeGuard, and need not be
    )
    executor.operation_extensions = extensions
    executor.selections = operation.document.selections if compiled else None
    return executor
