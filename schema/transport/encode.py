"""Results as bytes. JSON, always: one encoder for HTTP, SSE and WebSocket."""

from collections.abc import Mapping

import orjson

from schema.execution.engine import new_operation_id
from schema.execution.failures import internal_error, log_bug


def encode(result: Mapping[str, object]) -> bytes:
    """The result as JSON. A value that JSON cannot carry is a bug of ours, told as any other."""
    try:
        return orjson.dumps(result)
    except TypeError as error:
        operation_id = new_operation_id()
        log_bug(error, operation_id)
        return orjson.dumps({"data": None, "errors": [internal_error(operation_id)]})
