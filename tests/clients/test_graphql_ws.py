"""The npm package graphql-ws: the client of graphql-transport-ws that urql, Apollo and Relay stand on."""

from contextlib import AsyncExitStack
from pathlib import Path

from tests.clients.conftest import EndedStreams, read_metric
from tests.support.node import Node
from tests.support.service import RunningService, free_port, running_service, sandbox_for

FAST_TICKS = 0.1


async def test_a_query_is_answered_over_the_socket(node: Node, url: str):
    """One result, then its end, then the client closes the socket in good order."""
    async with node.start("ws.mjs", url, "query") as script:
        assert await script.next() == {"event": "connected"}
        result = await script.next()
        assert result["data"]["quote"]["id"] == "NSE:INFY"
        assert result["data"]["quote"]["lastPrice"] > 0
        assert result["data"]["quote"]["source"] == "SANDBOX"
        assert await script.next() == {"event": "complete"}
        assert (await script.next())["code"] == 1000


async def test_a_subscription_begins_with_a_snapshot(node: Node, url: str):
    """The state of everything asked for in the first frame, and then what changes, without a gap."""
    async with node.start("ws.mjs", url, "stream") as script:
        updates = [(await script.until("update"))["data"]["quotes"] for _ in range(4)]

    assert [update["snapshot"] for update in updates] == [True, False, False, False]
    assert [update["sequence"] for update in updates] == [1, 2, 3, 4]
    assert all(quote["id"] == "NSE:INFY" for update in updates for quote in update["quotes"])
    assert all(len(update["quotes"]) == 1 for update in updates)


async def test_completing_one_stream_ends_it_at_the_server(node: Node, service: RunningService, url: str):
    """The server's generator is closed though the socket stays open, and the other stream on it goes on."""
    ended = await EndedStreams.counting(service, "websocket")
    async with node.start("ws.mjs", url, "leave") as script:
        await script.until("left")
        await ended.until(1)
        for _ in range(3):
            assert (await script.until("stays"))["data"]["quotes"]["quotes"][0]["id"] == "NSE:TCS"
        assert await ended.count() == 1
        assert await read_metric(service, "kite_services_websocket_connections") == 1
    await ended.until(2)


async def test_a_bad_document_leaves_the_other_operations_alive(node: Node, url: str):
    """Each error goes to its own operation; the stream beside them and the socket go on."""
    async with node.start("ws.mjs", url, "bad") as script:
        assert await script.next() == {"event": "connected"}
        assert (await script.next())["event"] == "before"
        codes = {}
        for _ in range(4):
            refusal = await script.next()
            codes[refusal["event"]] = [error["extensions"]["code"] for error in refusal["errors"]]
        answer = await script.next()
        after = await script.next()
        closed = await script.next()

    assert codes == {
        "syntax": ["GRAPHQL_PARSE_FAILED"],
        "validation": ["GRAPHQL_VALIDATION_FAILED"],
        "variables": ["BAD_USER_INPUT"],
        "empty": ["INVALID_INPUT"],
    }
    assert answer["result"]["data"] == {"server": {"sources": ["SANDBOX"]}}
    assert after["data"]["quotes"]["sequence"] == 2
    assert closed["code"] == 1000


async def test_a_stream_outlives_a_restart_of_the_service(node: Node, tmp_path: Path):
    """The service goes with 1012, the client comes back by itself, and has a fresh snapshot and a live stream."""
    port = free_port()
    async with sandbox_for(port, tick_seconds=FAST_TICKS) as sandbox, AsyncExitStack() as stack:
        async with running_service(sandbox, tmp_path, port=port) as service:
            script = await stack.enter_async_context(node.start("ws.mjs", f"{service.url}/graphql", "restart"))
            for _ in range(2):
                await script.until("update")
        closed = await script.until("closed")
        async with running_service(sandbox, tmp_path, port=port, login=False):
            await script.until("connected")
            updates = [(await script.until("update"))["data"]["quotes"] for _ in range(3)]

    assert (closed["code"], closed["reason"]) == (1012, "service restart")
    assert [update["snapshot"] for update in updates] == [True, False, False]
    assert updates[-1]["feed"] == "LIVE"
