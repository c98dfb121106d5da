"""GraphQL over SSE: chosen by preference, written for every parser, closed with its client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
import orjson
import pytest

from schema.transport.http import HttpLimits
from tests.support.patience import PATIENCE
from tests.transport.conftest import Service, running
from tests.transport.test_negotiate import URQL

EVENTS = {"accept": "text/event-stream"}


@asynccontextmanager
async def stream(service: Service, query: str, accept: str = "text/event-stream") -> AsyncIterator[httpx.Response]:
    """An event stream that has begun."""
    async with service.client.stream("POST", "/graphql", json={"query": query}, headers={"accept": accept}) as response:
        yield response


def events(text: str) -> list[tuple[str, object]]:
    """The events of a stream, as urql cuts them: at two line feeds."""
    found: list[tuple[str, object]] = []
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        if not lines:
            continue
        fields = dict(line.split(": ", 1) for line in lines)
        found.append((fields["event"], orjson.loads(fields["data"]) if fields["data"] else None))
    return found


async def closed(service: Service, name: str) -> None:
    """Wait until a source was closed."""
    with anyio.fail_after(PATIENCE):
        while name not in service.ledger.closed:  # noqa: ASYNC110 - the toy keeps a list
            await anyio.sleep(0.005)


COUNT = [("next", {"data": {"count": n}}) for n in range(3)] + [("complete", None)]


async def test_subscription_is_a_stream_of_next_and_complete(service: Service):
    """With headers that keep every proxy from holding it back."""
    async with stream(service, "subscription{count}") as response:
        text = (await response.aread()).decode()

    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["x-accel-buffering"] == "no"
    assert "no-transform" in response.headers["cache-control"]
    assert events(text) == COUNT
    assert "\r" not in text
    assert text.endswith("event: complete\ndata: \n\n")


async def test_subscription_by_get(service: Service):
    """As EventSource asks."""
    response = await service.client.get("/graphql", params={"query": "subscription{count}"}, headers=EVENTS)

    assert events(response.text) == COUNT


async def test_urqls_accept_means_json_for_a_query_and_a_stream_for_a_subscription(service: Service):
    """It sends the same header with both."""
    query = await service.post("{hello}", accept=URQL)
    subscription = await service.post("subscription{count}", accept=URQL)

    assert query.headers["content-type"].startswith("application/graphql-response+json")
    assert query.json() == {"data": {"hello": "hello world"}}
    assert events(subscription.text) == COUNT


async def test_refused_stream_means_json_for_a_query(service: Service):
    """`q=0` is a no, wherever it stands."""
    response = await service.post("{hello}", accept="text/event-stream;q=0, application/json")

    assert response.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("{hello}", {"data": {"hello": "hello world"}}),
        ("mutation{touch}", {"data": {"touch": 1}}),
    ],
)
async def test_query_for_a_client_that_prefers_streams(service: Service, query: str, first: object):
    """One `next`, then `complete`."""
    response = await service.post(query, accept="text/event-stream")

    assert events(response.text) == [("next", first), ("complete", None)]


@pytest.mark.parametrize("query", ["{nope}", "subscription{nope}", "subscription{refused}", "subscription{secret}"])
async def test_operation_that_fails_is_told_in_the_stream(service: Service, query: str):
    """With status 200: an EventSource cannot read anything else."""
    response = await service.post(query, accept="text/event-stream")

    assert response.status_code == 200
    (kind, result), end = events(response.text)
    assert (kind, end) == ("next", ("complete", None))
    assert isinstance(result, dict)
    assert list(result) == ["errors"]


async def test_request_that_is_none_is_400(service: Service):
    """A body that is no JSON never becomes a stream."""
    response = await service.client.post(
        "/graphql", content=b"{", headers={**EVENTS, "content-type": "application/json"}
    )

    assert response.status_code == 400


async def test_source_is_closed_when_the_client_goes_away(service: Service):
    """Also while nothing is being sent."""
    async with stream(service, 'subscription{silent(name:"s")}') as response:
        chunks = response.aiter_text()
        while "next" not in await anext(chunks):
            pass
        await response.aclose()
        await closed(service, "s")

    assert [record.transport for record in service.ledger.records] == ["sse"]


async def test_quiet_stream_is_kept_alive_by_comments():
    """Which no parser shows to the page."""
    async with (
        running(http_limits=HttpLimits(keep_alive_seconds=0.05)) as service,
        stream(service, 'subscription{silent(name:"s")}') as response,
    ):
        text = ""
        with anyio.fail_after(PATIENCE):
            async for chunk in response.aiter_text():
                text += chunk
                if text.count(":\n\n") >= 4:
                    break

    assert events(text) == [("next", {"data": {"silent": "s"}})]


async def test_client_that_does_not_read_makes_its_own_source_wait(service: Service):
    """Nothing piles up for it, and another client is served meanwhile."""
    async with stream(service, f'subscription{{endless(name:"{"x" * 10_000}", pause:0)}}'):
        await anyio.sleep(0.3)
        quick = await service.post("{hello}")
    await closed(service, "x" * 10_000)

    assert quick.status_code == 200
    (record,) = [record for record in service.ledger.records if record.kind == "subscription"]
    assert 0 < record.events < 2000


async def test_stopping_ends_streams_without_complete(own_service: Service):
    """So that clients connect again, elsewhere; new streams are refused."""
    async with stream(own_service, 'subscription{silent(name:"s")}') as response:
        chunks = response.aiter_text()
        while "next" not in await anext(chunks):
            pass
        await own_service.http.close_all()
        rest = "".join([chunk async for chunk in chunks])

    assert "complete" not in rest
    assert own_service.ledger.closed == ["s"]
    assert (await own_service.post("subscription{count}", accept="text/event-stream")).status_code == 503


async def test_streams_are_bounded():
    """One too many gets 503 and its source is not left open."""
    async with (
        running(http_limits=HttpLimits(max_streams=1)) as service,
        stream(service, 'subscription{silent(name:"s")}'),
    ):
        response = await service.post('subscription{silent(name:"t")}', accept="text/event-stream")

    assert response.status_code == 503
    assert response.json()["errors"][0]["extensions"]["code"] == "TOO_MANY_STREAMS"
