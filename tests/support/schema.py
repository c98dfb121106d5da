"""As much of JSON Schema as this project's schema files use, so that tests can hold files against them."""

import re
from collections.abc import Callable, Mapping
from typing import Any

TYPES: dict[str, type] = {"object": dict, "array": list, "string": str}


def conforms(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    """Whether the value satisfies the schema. A keyword that is not known here fails the test loudly."""
    return all(_KEYWORDS[key](value, schema, root) for key in schema)


def _ref(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    target: Any = root
    for part in schema["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return conforms(value, target, root)


def _properties(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    known = schema["properties"]
    return not isinstance(value, dict) or all(conforms(value[k], known[k], root) for k in known if k in value)


def _additional(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    rest = {k: v for k, v in value.items() if k not in schema.get("properties", {})} if isinstance(value, dict) else {}
    rule = schema["additionalProperties"]
    return not rest if rule is False else all(conforms(v, rule, root) for v in rest.values())


def _items(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    return not isinstance(value, list) or all(conforms(item, schema["items"], root) for item in value)


def _prefix(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    pairs = zip(value, schema["prefixItems"], strict=False) if isinstance(value, list) else ()
    return all(conforms(item, rule, root) for item, rule in pairs)


Keyword = Callable[[Any, Mapping[str, Any], Mapping[str, Any]], bool]
_KEYWORDS: dict[str, Keyword] = {
    **dict.fromkeys(("$schema", "$defs", "title", "description"), lambda _v, _s, _r: True),
    "type": lambda v, s, _r: isinstance(v, TYPES[s["type"]]),
    "enum": lambda v, s, _r: v in s["enum"],
    "required": lambda v, s, _r: not isinstance(v, dict) or all(key in v for key in s["required"]),
    "pattern": lambda v, s, _r: not isinstance(v, str) or re.search(s["pattern"], v) is not None,
    "minLength": lambda v, s, _r: not isinstance(v, str) or len(v) >= s["minLength"],
    "minItems": lambda v, s, _r: not isinstance(v, list) or len(v) >= s["minItems"],
    "maxItems": lambda v, s, _r: not isinstance(v, list) or len(v) <= s["maxItems"],
    "minProperties": lambda v, s, _r: not isinstance(v, dict) or len(v) >= s["minProperties"],
    "propertyNames": lambda v, s, r: not isinstance(v, dict) or all(conforms(k, s["propertyNames"], r) for k in v),
    "oneOf": lambda v, s, r: sum(conforms(v, rule, r) for rule in s["oneOf"]) == 1,
    "$ref": _ref,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "prefixItems": _prefix,
}
