"""How many rows a field will bring, read from its arguments. `analysis` calls it once per field node."""

from dataclasses import dataclass

from graphql import (
    FieldNode,
    GraphQLField,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    Undefined,
    ValueNode,
    VariableNode,
    is_list_type,
    is_non_null_type,
    value_from_ast_untyped,
)

from schema.execution.cost import CEILING, Size, VariableSize, size_of
from schema.execution.limits import CostModel

LONGEST_INTEGER = 12
"""Digits read of an integer literal; longer ones are over every limit anyway, and slow to convert."""


@dataclass(frozen=True, slots=True)
class FieldSizes:
    """What decides how often the selection below a field is executed."""

    price: int
    is_list: bool
    arguments: tuple[Size, ...]
    """Sizes that the field's own arguments give."""
    assumed: int
    """Length of the list if no argument, here or further out, says it."""


def field_sizes(node: FieldNode, definition: GraphQLField | None, parent: str, model: CostModel) -> FieldSizes:
    """The sizes of one field node; of an unknown field, which validation will refuse, those of a plain one."""
    key = f"{parent}.{node.name.value}"
    assumed = model.list_sizes.get(key, model.assumed_size)
    is_list = definition is not None and _is_list(definition)
    most = model.most_rows.get(key, CEILING)
    arguments = _argument_sizes(node, definition, model, assumed, most) if definition is not None else []
    if not arguments and not is_list and key in model.list_sizes:
        arguments = [assumed]
    return FieldSizes(price=model.field_costs.get(key, 1), is_list=is_list, arguments=tuple(arguments), assumed=assumed)


def _is_list(definition: GraphQLField) -> bool:
    kind = definition.type
    return is_list_type(kind.of_type if is_non_null_type(kind) else kind)


def _argument_sizes(node: FieldNode, definition: GraphQLField, model: CostModel, assumed: int, most: int) -> list[Size]:
    if not definition.args:
        return []
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    sizes: list[Size | None] = []
    for name, argument in definition.args.items():
        per_unit = model.size_arguments.get(name)
        if per_unit is None:
            continue
        default = _default_size(argument.default_value, per_unit)
        size = _given_size(given[name], per_unit, default or assumed, most) if name in given else default
        sizes.append(min(size, most) if isinstance(size, int) else size)
    return [size for size in sizes if size is not None]


def _default_size(default: object, per_unit: int) -> int | None:
    return None if default is Undefined or default is None else size_of(default, per_unit)


def _given_size(value: ValueNode, per_unit: int, otherwise: int, most: int) -> Size | None:
    if isinstance(value, VariableNode):
        return VariableSize(value.name.value, per_unit, otherwise, most)
    if isinstance(value, ListValueNode):
        return max(1, len(value.values) * per_unit)
    if isinstance(value, IntValueNode):
        return size_of(int(value.value[:LONGEST_INTEGER]), per_unit)
    return None


def variable_defaults(operation: OperationDefinitionNode) -> dict[str, object]:
    """The default values that an operation gives its variables."""
    return {
        definition.variable.name.value: value_from_ast_untyped(definition.default_value)
        for definition in operation.variable_definitions or ()
        if definition.default_value is not None
    }
