"""Fields that are computed from the object and the context, marked so that a compiled selection may call them.

    age_ms: int = field(resolver=age_ms, metadata=computed(ages))

The resolver serves ordinary execution and must answer the same: `ages(info.context)(quote)`.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Bind: TypeAlias = Callable[[Any], Callable[[Any], object]]
"""Takes the operation's context once for each list (or lone object) and returns the function of one object.

Synchronous, without effects, without arguments of the field; it may raise what the resolver raises. What all objects
of a list share, the present instant above all, is read here once.
"""

_KEY = "schema.execution.compiled.computed"


def computed(bind: Bind) -> Mapping[Any, Any]:
    """Metadata for `strawberry.field`."""
    return {_KEY: bind}


def binding(metadata: Mapping[Any, Any]) -> Bind | None:
    """What `computed` marked in a field's metadata; None for any other field."""
    found: Bind | None = metadata.get(_KEY)
    return found
