"""JSON of clients, of a bounded depth: the one place where the transports read it."""

from typing import Any

import orjson

MAX_JSON_DEPTH = 64
"""Objects and lists within each other, the outermost counted. No operation of ours needs a tenth. What is deeper than
254 orjson reads and does not write, and we write what we were sent: a ping's payload, the key of a shared stream."""


class Undecodable(Exception):
    """A text that is not taken. Says what is wrong with it, to be put behind its name: "is no JSON: ..."."""


def decode(text: str | bytes) -> Any:
    """The value in a JSON text. Raises Undecodable."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        msg = f"is no JSON: {error.msg}"
        raise Undecodable(msg) from None
    if _brackets(text) > MAX_JSON_DEPTH and _is_too_deep(value):
        msg = f"has more than {MAX_JSON_DEPTH} objects and lists within each other"
        raise Undecodable(msg)
    return value


def _brackets(text: str | bytes) -> int:
    if isinstance(text, str):
        return text.count("{") + text.count("[")
    return text.count(b"{") + text.count(b"[")


def _is_too_deep(value: object) -> bool:
    """Level by level, so that no depth and no width needs more than one look at each value."""
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True
