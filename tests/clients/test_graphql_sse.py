"""The npm package graphql-sse in its mode of distinct connections."""

from contextlib import AsyncExitStack
from pathlib import Path

from tests.clients.conftest import EndedStreams
from tests.support.node import Node
from tests.support.service import RunningService, free_port, running_service, sandbox_for


async def test_a_query_is_answered_as_a_stream_of_one(node: Node, url: str):
    """This client asks for an event stream always, for queries too."""
    async with node.start("sse.mjs", url, "query") as script:
        result = await script.until("result")
        assert result["data"]["quote"]["id"] == "NSE:INFY"
        assert await script.next() == {"event": "complete"}


async def test_a_subscription_streams_and_ends_with_its_client(node: Node, service: RunningService, url: str):
    """Snapshot first, then updates; when the client leaves, the server's stream is over."""
    ended = await EndedStreams.counting(service, "sse")
    async with node.start("sse.mjs", url, "stream") as script:
        updates = [(await script.until("update"))["data"]["quotes"] for _ in range(4)]
        await script.until("left")
        await ended.until(1)

    assert [update["snapshot"] for update in updates] == [True, False, False, False]
    assert [update["sequence"] for update in updates] == [1, 2, 3, 4]


async def test_a_bad_document_is_told_in_the_stream(node: Node, url: str):
    """A client of event streams reads no status: the errors come as its one result."""
    async with node.start("sse.mjs", url, "bad") as script:
        result = await script.until("result")
        assert [error["extensions"]["code"] for error in result["errors"]] == ["GRAPHQL_VALIDATION_FAILED"]
        assert await script.next() == {"event": "complete"}


async def test_a_stream_outlives_a_restart_of_the_service(node: Node, tmp_path: Path):
    """The stream ends without `complete`, so the client asks again until there is a service, and is told all anew."""
    port = free_port()
    async with sandbox_for(port, tick_seconds=0.1) as sandbox, AsyncExitStack() as stack:
        async with running_service(sandbox, tmp_path, port=port) as service:
            script = await stack.enter_async_context(node.start("sse.mjs", f"{service.url}/graphql", "restart"))
            for _ in range(2):
                await script.until("update")
        async with running_service(sandbox, tmp_path, port=port, login=False):
            await script.until("connected")
            updates = [(await script.until("update"))["data"]["quotes"] for _ in range(2)]

    assert [update["snapshot"] for update in updates] == [True, False]
