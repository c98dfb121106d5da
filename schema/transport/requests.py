"""HTTP requests turned into GraphQL requests, or into the error that says what is wrong with them.

`http` reads with `read_body` and parses with the rest, which is pure. Every refusal is a RequestRefused: it has the
status, a code and a message that names the thing and the remedy.
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive

from schema.execution.failures import formatted
from schema.execution.records import GraphQLRequest
from schema.transport.decode import Undecodable, decode
from schema.transport.patience import within

PLAIN_JSON = frozenset({b"application/json", b"application/json; charset=utf-8", b"application/json;charset=UTF-8"})
"""What nearly every client writes; other spellings are read letter by letter."""
MAX_PARAMETERS = 16
"""Query-string parameters read; GraphQL over HTTP has four."""


class RequestRefused(Exception):
    """A request that is no GraphQL request."""

    def __init__(
        self, status: HTTPStatus, code: str, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    @property
    def result(self) -> dict[str, object]:
        """The response body."""
        return {"errors": [formatted(self.message, self.code)]}


class ClientLeft(Exception):
    """The client went away before its request was complete."""


def bad_request(message: str) -> RequestRefused:
    """A 400."""
    return RequestRefused(HTTPStatus.BAD_REQUEST, "BAD_REQUEST", message)


def check_headers(headers: Mapping[bytes, bytes], *, max_bytes: int) -> None:
    """Nothing, if the headers announce a JSON body of acceptable size; raises RequestRefused otherwise."""
    content_type = headers.get(b"content-type", b"")
    if content_type not in PLAIN_JSON:
        _check_content_type(content_type.decode("latin-1").lower())
    if headers.get(b"content-encoding", b"identity").lower() not in {b"identity", b""}:
        msg = "compressed bodies are not read: send the JSON as it is, without Content-Encoding"
        raise bad_request(msg)
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced[:20]) > max_bytes:
        raise _too_large(max_bytes)


def _check_content_type(content_type: str) -> None:
    kind, _, parameters = content_type.partition(";")
    if kind.strip() != "application/json":
        msg = "send the operation as JSON, with Content-Type: application/json"
        raise RequestRefused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", msg)
    charset = parameters.partition("charset=")[2].strip().strip('"')
    if charset not in {"", "utf-8", "utf8"}:
        msg = "send JSON in UTF-8"
        raise RequestRefused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", msg)


def _too_large(max_bytes: int) -> RequestRefused:
    return RequestRefused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "PAYLOAD_TOO_LARGE",
        f"the body is longer than {max_bytes} bytes",
    )


async def read_body(receive: Receive, *, max_bytes: int, seconds: float) -> bytes:
    """The whole body, of at most `max_bytes`, if it arrives within `seconds`.

    Raises RequestRefused (413 as soon as it is too long, 408), ClientLeft.
    """
    try:
        return await within(seconds, _read(receive, max_bytes))
    except TimeoutError:
        msg = f"the body did not arrive within {seconds:g} s"
        raise RequestRefused(HTTPStatus.REQUEST_TIMEOUT, "REQUEST_TIMEOUT", msg) from None


async def discard_body(receive: Receive, *, seconds: float) -> None:
    """Read on and keep nothing, to the body's end or for `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        return


async def _read(receive: Receive, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        chunk = message.get("body", b"")
        length += len(chunk)
        if length > max_bytes:
            raise _too_large(max_bytes)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def parse_body(body: bytes, *, transport: str, request_id: str) -> GraphQLRequest:
    """The request in a JSON body. Raises RequestRefused."""
    try:
        parameters = decode(body)
    except Undecodable as error:
        raise bad_request(f"the body {error}") from None
    if isinstance(parameters, list):
        msg = "batches are not supported: send one operation per request, and as many fields as you need"
        raise bad_request(msg)
    if not isinstance(parameters, dict):
        msg = 'the body must be a JSON object with a "query"'
        raise bad_request(msg)
    return parse_parameters(parameters, transport=transport, request_id=request_id)


def parse_query_string(query_string: bytes, *, transport: str, request_id: str) -> GraphQLRequest:
    """The request in a GET's query string, `variables` and `extensions` in JSON. Raises RequestRefused."""
    try:
        text = query_string.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_PARAMETERS, errors="strict")
    except ValueError:
        msg = "the query string is not URL-encoded UTF-8, or has too many parameters"
        raise bad_request(msg) from None
    parameters: dict[str, Any] = dict(pairs)
    for name in ("variables", "extensions"):
        if name in parameters:
            parameters[name] = _json_parameter(name, parameters[name])
    return parse_parameters(parameters, transport=transport, request_id=request_id)


def _json_parameter(name: str, text: str) -> object:
    if not text:
        return None
    try:
        return decode(text)
    except Undecodable as error:
        raise bad_request(f"{name} {error}") from None


def parse_parameters(parameters: Mapping[str, Any], *, transport: str, request_id: str) -> GraphQLRequest:
    """The request of checked types. Raises RequestRefused (400) that names the parameter that is wrong."""
    query = parameters.get("query")
    if not isinstance(query, str) or not query:
        msg = '"query" must be a string with a GraphQL document'
        raise bad_request(msg)
    name = parameters.get("operationName")
    if name is not None and not isinstance(name, str):
        msg = '"operationName" must be a string or null'
        raise bad_request(msg)
    variables, extensions = _object(parameters, "variables"), _object(parameters, "extensions")
    return GraphQLRequest(query, variables, name, extensions, transport, request_id)


def _object(parameters: Mapping[str, Any], name: str) -> dict[str, object] | None:
    value = parameters.get(name)
    if value is not None and not isinstance(value, dict):
        raise bad_request(f'"{name}" must be an object or null')
    return value
