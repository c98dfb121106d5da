"""Kite's envelopes.

Comes in: data or a refusal. Goes out: the JSON answer that the vendor's client expects. Used by every endpoint.
"""

from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_TYPE_BY_STATUS = {400: "InputException", 403: "TokenException", 429: "NetworkException"}
_JSON = "application/json"


class KiteError(Exception):
    """A refusal in Kite's words."""

    def __init__(self, status: int, message: str, error_type: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.error_type = error_type or _TYPE_BY_STATUS.get(status, "GeneralException")


def success(data: Any, status: int = 200) -> Response:
    """`data` in the envelope of a good answer."""
    return Response(orjson.dumps({"status": "success", "data": data}), status, media_type=_JSON)


def failure(status: int, message: str, error_type: str) -> Response:
    """The envelope of a refusal."""
    body = {"status": "error", "message": message, "error_type": error_type, "data": None}
    return Response(orjson.dumps(body), status, media_type=_JSON)


def refusal(error: KiteError) -> Response:
    """The answer for a KiteError."""
    return failure(error.status, error.message, error.error_type)


async def answer_kite_error(_request: Request, error: Exception) -> Response:
    """Starlette's handler for KiteError."""
    if not isinstance(error, KiteError):
        raise error
    return refusal(error)


async def answer_http_exception(_request: Request, error: Exception) -> Response:
    """Starlette's handler for its own 404 and 405, in Kite's envelope."""
    if not isinstance(error, HTTPException):
        raise error
    message = "Route not found" if error.status_code == 404 else error.detail  # noqa: PLR2004  the HTTP code itself
    return failure(error.status_code, message, "GeneralException")


async def answer_crash(_request: Request, _error: Exception) -> Response:
    """Starlette's handler for what nobody foresaw; it comes from outside the gate, so it labels itself."""
    answer = failure(500, "Something unexpected happened in the sandbox", "GeneralException")
    answer.headers["X-Sandbox"] = "true"
    return answer
