"""Resolvers as graphql-core calls them, without what Strawberry does again for every call.

Strawberry works out at each call how arguments are named in Python, whether they need converting and what the resolver
wants besides. For a resolver whose arguments are leaves or lists of them, and that nothing is wrapped around, all of it
is known when the schema is built. `schema.build` calls this once; every other resolver stays as it is.
"""

from collections.abc import Callable
from typing import Any, cast

import strawberry
from graphql import GraphQLArgument, GraphQLField, GraphQLInputType, is_leaf_type, is_list_type, is_non_null_type
from graphql.type import is_object_type
from strawberry.relay import GlobalID
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryList, StrawberryMaybe, StrawberryOptional
from strawberry.types.field import StrawberryField

Resolve = Callable[..., Any]

DEFINITION = GraphQLCoreConverter.DEFINITION_BACKREF


def shorten_resolvers(schema: strawberry.Schema) -> int:
    """Give every field that allows it a short resolver, in place; how many."""
    core = schema._schema  # noqa: SLF001 - Strawberry's only way to the graphql-core schema
    shortened = 0
    for kind in core.type_map.values():
        if not is_object_type(kind) or kind is core.subscription_type or kind.name.startswith("__"):
            continue
        for field in kind.fields.values():
            resolve = _short(field, schema)
            if resolve is not None:
                field.resolve = resolve
                shortened += 1
    return shortened


def _short(field: GraphQLField, schema: strawberry.Schema) -> Resolve | None:
    """The short resolver; None for a plain attribute and for what Strawberry must do itself."""
    known = field.extensions.get(DEFINITION)
    if not isinstance(known, StrawberryField) or known.base_resolver is None:
        return None
    if known.extensions or schema.schema_converter.exception_handlers or type(known).get_result is not PLAIN_RESULT:
        return None
    if not all(_is_plain(argument) for argument in field.args.values()):
        return None
    return _resolver(known, field.args, schema.config.info_class)


PLAIN_RESULT = StrawberryField.get_result
"""A field class with another `get_result` means to be asked."""


def _is_plain(argument: GraphQLArgument) -> bool:
    known = argument.extensions.get(DEFINITION)
    return isinstance(known, StrawberryArgument) and _is_leaf(argument.type) and _takes_as_it_is(known.type)


def _is_leaf(kind: GraphQLInputType) -> bool:
    """Whether it is a leaf or a list of leaves, null or not."""
    kind = kind.of_type if is_non_null_type(kind) else kind
    if is_list_type(kind):
        kind = kind.of_type
        kind = kind.of_type if is_non_null_type(kind) else kind
    return is_leaf_type(kind)


def _takes_as_it_is(kind: object) -> bool:
    """Whether Strawberry hands a coerced value on: not a Maybe, which it wraps, nor a GlobalID, which it parses."""
    while isinstance(kind, StrawberryOptional | StrawberryList):
        if isinstance(kind, StrawberryMaybe):
            return False
        kind = kind.of_type
    return kind is not GlobalID


def _resolver(known: StrawberryField, args: dict[str, GraphQLArgument], info_class: type) -> Resolve:
    resolver = known.base_resolver
    assert resolver is not None  # noqa: S101 - by `_short`
    call = cast("Resolve", resolver.wrapped_func)
    takes_self = resolver.self_parameter is not None
    names = {name: _python_name(argument) for name, argument in args.items()}
    lists = frozenset(name for name, argument in args.items() if _is_list(argument.type))
    sources = [p.name for p in (resolver.parent_parameter, resolver.root_parameter) if p is not None]
    info_name = None if resolver.info_parameter is None else resolver.info_parameter.name

    def resolve(source: Any, info: Any, /, **given: Any) -> Any:
        taken = {
            names[name]: list(value) if name in lists and value is not None else value for name, value in given.items()
        }  # lists are copied, as Strawberry does: a default would be one list for every request
        for name in sources:
            taken[name] = source
        if info_name is not None:
            taken[info_name] = info_class(_raw_info=info, _field=known)
        return call(source, **taken) if takes_self else call(**taken)

    resolve._is_default = False  # type: ignore[attr-defined]  # noqa: SLF001 - the mark that Strawberry's own carry
    return resolve


def _python_name(argument: GraphQLArgument) -> str:
    known = argument.extensions[DEFINITION]
    return str(known.python_name)


def _is_list(kind: GraphQLInputType) -> bool:
    return is_list_type(kind.of_type if is_non_null_type(kind) else kind)
