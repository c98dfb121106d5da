"""GraphQL over HTTP: every refusal is a GraphQL JSON body with a code and a status."""

import gzip
import json
from typing import Any

import anyio
import httpx
import pytest
from structlog.testing import capture_logs

from schema.transport.http import HttpLimits
from tests.support.patience import PATIENCE
from tests.transport.conftest import Service, running

GRAPHQL = "application/graphql-response+json"
UNFINISHED = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n{"
JSON_TYPE = {"content-type": "application/json"}


def code(response: httpx.Response) -> str:
    """The code of the one error of a response that holds nothing else."""
    body = response.json()
    assert list(body) == ["errors"]
    (error,) = body["errors"]
    assert error["message"]
    return str(error["extensions"]["code"])


async def test_query_by_post(service: Service):
    """The short way, with what the client asked for as media type."""
    response = await service.post("query($n:String!){hello(name:$n)}", variables={"n": "you"})

    assert response.status_code == 200
    assert response.headers["content-type"] == f"{GRAPHQL}; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {"data": {"hello": "hello you"}}


async def test_query_by_get(service: Service):
    """With variables as JSON in the query string."""
    parameters = {"query": "query A($n:String!){hello(name:$n)} query B{hello}", "operationName": "A"}
    response = await service.client.get("/graphql", params={**parameters, "variables": '{"n":"you 🏃"}'})

    assert response.json() == {"data": {"hello": "hello you 🏃"}}
    assert response.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    ("query", "variables", "expected"),
    [
        ("{", {}, "GRAPHQL_PARSE_FAILED"),
        ("{nope}", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("query($v:BigInt!){big(value:$v)}", {"v": "x"}, "BAD_USER_INPUT"),
        ("query a{hello} query b{hello}", {}, "OPERATION_RESOLUTION_FAILURE"),
        ("{" + "a" * 60_000 + "}", {}, "DOCUMENT_TOO_LONG"),
    ],
)
async def test_document_that_fails_is_400_in_graphqls_own_type_and_200_in_json(
    service: Service, query: str, variables: dict[str, Any], expected: str
):
    """And never a `data` key, because nothing was executed."""
    modern = await service.post(query, variables=variables)
    legacy = await service.post(query, variables=variables, accept="application/json")

    assert (modern.status_code, code(modern)) == (400, expected)
    assert (legacy.status_code, code(legacy)) == (200, expected)
    assert legacy.headers["content-type"].startswith("application/json")


BROKEN_BODIES = {
    "null": b"null",
    "number": b"12",
    "string": b'"{hello}"',
    "true": b"true",
    "array": b'[{"query":"{hello}"}]',
    "empty": b"",
    "invalid UTF-8": b'{"query":"\xff"}',
    "lone surrogate": b'{"query":"\\ud800"}',
    "UTF-16": '{"query":"{hello}"}'.encode("utf-16"),
    "an integer of 5,000 digits": b'{"query":"{hello}","variables":{"a":' + b"9" * 5000 + b"}}",
    "100,000 nested arrays": b'{"query":"{hello}","variables":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    "300 nested objects": b'{"query":"{hello}","extensions":' + b'{"a":' * 300 + b"1" + b"}" * 301,
    "65 levels": b'{"query":"{hello}","variables":{"a":' + b"[" * 63 + b"]" * 63 + b"}}",
    "cut short": b'{"query":"{hello}"',
    "gzip": gzip.compress(b'{"query":"{hello}"}'),
    "no query": b"{}",
    "query null": b'{"query":null}',
    "query empty": b'{"query":""}',
    "query object": b'{"query":{}}',
    "operationName number": b'{"query":"{hello}","operationName":1}',
    "variables string": b'{"query":"{hello}","variables":"{}"}',
    "variables array": b'{"query":"{hello}","variables":[]}',
    "extensions number": b'{"query":"{hello}","extensions":1}',
}


@pytest.mark.parametrize("name", BROKEN_BODIES)
async def test_broken_body_is_a_bad_request(service: Service, name: str):
    """400 and a reason, whatever the media type, without a log line."""
    with capture_logs() as logs:
        response = await service.client.post("/graphql", content=BROKEN_BODIES[name], headers=JSON_TYPE)

    assert (response.status_code, code(response)) == (400, "BAD_REQUEST")
    assert logs == []


async def test_depth_of_json_is_bounded_and_said(service: Service):
    """By GET too; as deep as may be is executed, and braces in a text are no depth."""
    deep = {"query": '{hello(name: "' + "{" * 100 + '")}', "variables": '{"a":' + "[" * 63 + "]" * 63 + "}"}
    fits = await service.client.get("/graphql", params=deep)
    over = await service.client.get("/graphql", params={**deep, "variables": "[" * 65 + "]" * 65})

    assert "{{{" in fits.json()["data"]["hello"]
    assert over.status_code == 400
    assert over.json()["errors"][0]["message"] == "variables has more than 64 objects and lists within each other"


async def test_compressed_body_is_a_bad_request(service: Service):
    """Announced as such: it is not unpacked, so a small bomb stays small."""
    headers = {**JSON_TYPE, "content-encoding": "gzip"}
    response = await service.client.post("/graphql", content=gzip.compress(b'{"query":"{hello}"}'), headers=headers)

    assert (response.status_code, code(response)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/graphql",
     "application/json; charset=utf-16"],
)  # fmt: skip
async def test_body_that_is_not_json_by_its_type_is_unsupported(service: Service, content_type: str | None):
    """The types that a foreign page may send without asking are among them: no cross-site request gets through."""
    headers = {} if content_type is None else {"content-type": content_type}
    response = await service.client.post("/graphql", content=b'{"query":"mutation{touch}"}', headers=headers)

    assert (response.status_code, code(response)) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert service.ledger.touched == 0


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_method_that_cannot_do_it_is_405(service: Service, method: str):
    """A mutation by GET is not executed; the answer says what is allowed."""
    response = await service.client.request(method, "/graphql", params={"query": "mutation{touch}"})

    assert (response.status_code, code(response)) == (405, "METHOD_NOT_ALLOWED")
    assert "POST" in response.headers["allow"]
    assert service.ledger.touched == 0


@pytest.mark.parametrize(
    "query_string",
    ["", "query=", "query=%FF", "query=%7Bhello%7D&variables=%7B", "query=%7Bhello%7D&variables=1",
     "query=%7Bhello%7D&" + "a=1&" * 50],
)  # fmt: skip
async def test_broken_query_string_is_a_bad_request(service: Service, query_string: str):
    """No query, no UTF-8, no JSON, too many parameters."""
    response = await service.client.get(f"/graphql?{query_string}")

    assert (response.status_code, code(response)) == (400, "BAD_REQUEST")


async def test_nothing_acceptable_is_406(service: Service):
    """Told in JSON all the same."""
    response = await service.post("{hello}", accept="image/png")

    assert (response.status_code, code(response)) == (406, "NOT_ACCEPTABLE")


async def test_subscription_without_a_stream_is_406(service: Service):
    """With the two ways that would work."""
    response = await service.post("subscription{count}", accept="application/json")

    assert (response.status_code, code(response)) == (406, "NOT_ACCEPTABLE")
    assert "graphql-transport-ws" in response.text


async def test_browser_without_a_query_gets_the_page(service: Service):
    """And with one its result."""
    accept = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = await service.client.get("/graphql", headers=accept)
    result = await service.client.get("/graphql", headers=accept, params={"query": "{hello}"})

    assert page.text == "<title>GraphiQL</title>/graphql"
    assert result.json() == {"data": {"hello": "hello world"}}


async def test_announced_body_that_is_too_long_is_refused_at_once(service: Service):
    """413 from the header alone: the body is not waited for."""
    with anyio.fail_after(PATIENCE):
        async with await anyio.connect_tcp("127.0.0.1", service.port) as stream:
            await stream.send(UNFINISHED % 100_000_000)
            answer = await stream.receive()

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer
    assert b"PAYLOAD_TOO_LARGE" in answer


async def test_refusal_reaches_a_client_that_is_still_uploading(service: Service):
    """Five megabytes: the answer is read, not lost to a reset."""
    for _ in range(5):
        response = await service.client.post("/graphql", content=b" " * 5_000_000, headers=JSON_TYPE)

        assert (response.status_code, code(response)) == (413, "PAYLOAD_TOO_LARGE")


async def test_chunked_body_is_cut_where_it_is_too_long():
    """413 at the limit; the rest is never read."""
    async with running(http_limits=HttpLimits(max_body_bytes=1000)) as service:
        with anyio.fail_after(PATIENCE):
            async with await anyio.connect_tcp("127.0.0.1", service.port) as stream:
                await stream.send(
                    b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                    b"transfer-encoding: chunked\r\n\r\n" + b"258\r\n" + b" " * 600 + b"\r\n"
                )
                await stream.send(b"258\r\n" + b" " * 600 + b"\r\n")
                answer = await stream.receive()

    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_body_of_exactly_the_limit_is_read():
    """At the limit is within it."""
    body = json.dumps({"query": "{hello}"}).encode()
    async with running(http_limits=HttpLimits(max_body_bytes=len(body))) as service:
        fits = await service.client.post("/graphql", content=body, headers=JSON_TYPE)
        over = await service.client.post("/graphql", content=body + b" ", headers=JSON_TYPE)

    assert (fits.status_code, over.status_code) == (200, 413)


async def test_slow_body_is_given_up():
    """A client that sends a byte now and then does not hold a request for ever."""
    async with running(http_limits=HttpLimits(body_seconds=0.1)) as service:
        with anyio.fail_after(PATIENCE):
            async with await anyio.connect_tcp("127.0.0.1", service.port) as stream:
                await stream.send(UNFINISHED % 20)
                answer = await stream.receive()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"REQUEST_TIMEOUT" in answer


async def test_client_that_leaves_in_the_middle_of_its_body_is_forgotten(service: Service):
    """No error, no log line, and the next one is served."""
    with capture_logs() as logs:
        async with await anyio.connect_tcp("127.0.0.1", service.port) as stream:
            await stream.send(UNFINISHED % 20)
        response = await service.post("{hello}")

    assert response.status_code == 200
    assert logs == []


async def test_context_is_built_per_operation_from_the_request(service: Service):
    """Headers, peer, transport and a request id that is the caller's own if it is harmless."""
    headers = {"authorization": "Bearer admin", "x-request-id": "abc-1"}
    response = await service.client.post("/graphql", json={"query": "{secret}"}, headers=headers)
    await service.client.post("/graphql", json={"query": "{hello}"}, headers={"x-request-id": "<script>"})

    assert response.json() == {"data": {"secret": "secret"}}
    assert response.headers["x-request-id"] == "abc-1"
    first, second = service.callers
    assert (first.peer, first.transport, first.request_id) == ("127.0.0.1", "http", "abc-1")
    assert len(second.request_id) == 16
    assert [record.request_id for record in service.ledger.records] == ["abc-1", second.request_id]


async def test_partial_result_is_200_with_data_and_errors(service: Service):
    """In both media types."""
    for accept in (GRAPHQL, "application/json"):
        response = await service.post("{hello login}", accept=accept)

        assert response.status_code == 200
        assert response.json()["data"] == {"hello": "hello world", "login": None}


async def test_value_that_json_cannot_carry_is_masked(service: Service):
    """A bug of a scalar is told as any other, not as a broken connection."""
    with capture_logs() as logs:
        response = await service.post("{unprintable}")

    assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert len(logs) == 1


async def test_bad_document_makes_one_record_and_no_log_line(service: Service):
    """What the operator sees of it is the one line that belongs to every operation."""
    with capture_logs() as logs:
        await service.post("{nope}")

    assert [record.error_codes for record in service.ledger.records] == [("GRAPHQL_VALIDATION_FAILED",)]
    assert logs == []
