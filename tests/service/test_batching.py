"""Who shares an upstream call with whom, counted at the exchange (docs/decisions/0004)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import orjson

from tests.service.symbols import traded
from tests.support.service import RunningService, running_pair

QUOTES = "query ($ids: [ID!]!) { quotes(ids: $ids) { id lastPrice source } }"
INSTRUMENTS = "query ($ids: [ID!]!) { instruments(ids: $ids) { id quote { lastPrice source } } }"
STREAMED_SECONDS = 20.0


def aliased(ids: Sequence[str]) -> str:
    """One document with a `quote` for each id, as components composed of fragments send it."""
    return "{" + " ".join(f'q{n}: quote(id: "{each}") {{ lastPrice source }}' for n, each in enumerate(ids)) + "}"


def cost(response: dict[str, Any]) -> dict[str, int]:
    """`extensions.cost`."""
    return dict(response["extensions"]["cost"])


def spent(*, upstream: int = 0, stream: int = 0, cache: int = 0) -> dict[str, int]:
    """What `extensions.cost` should be."""
    return {"upstreamCalls": upstream, "fromStream": stream, "fromCache": cache}


async def until_streamed(service: RunningService, ids: Sequence[str]) -> None:
    """Returns when the stream carries all of these."""
    with anyio.fail_after(STREAMED_SECONDS):
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            while cost(await service.ask(QUOTES, ids=part))["fromStream"] < len(part):  # noqa: ASYNC110 - seen from outside
                await anyio.sleep(0.05)


async def test_fifty_quotes_of_one_operation_are_one_call(tmp_path: Path) -> None:
    """As a list, as fifty aliases, or under fifty instruments; when streamed, for nothing."""
    async with running_pair(tmp_path) as (service, sandbox):
        lists, aliases, nested = (traded(sandbox, 50, skip=50 * n) for n in range(3))
        questions: list[tuple[str, dict[str, Any]]] = [
            (QUOTES, {"ids": lists}),
            (aliased(aliases), {}),
            (INSTRUMENTS, {"ids": nested}),
        ]

        for calls, (query, variables) in enumerate(questions, start=1):
            answer = await service.ask(query, **variables)

            assert "errors" not in answer
            assert sandbox.count("quote") == calls
            assert cost(answer) == spent(upstream=1)
            assert sandbox.requests[-1].instruments == 50

        await until_streamed(service, [*lists, *aliases, *nested])
        before = sandbox.count("quote")
        for query, variables in questions:
            assert cost(await service.ask(query, **variables)) == spent(stream=50)
        assert sandbox.count("quote") == before


async def test_fresh_prices_come_from_memory_and_may_be_refused(tmp_path: Path) -> None:
    """Within a second a price is good enough for the next one who asks; `maxAgeMs: 0` wants a new one."""
    async with running_pair(tmp_path, sandbox={"tick_seconds": 3_600.0, "rate_limits": None}) as (service, sandbox):
        await sandbox.fault("stall_socket")  # so that nothing is streamed
        ids = traded(sandbox, 10)

        first = await service.ask(QUOTES, ids=ids)
        second = await service.ask(QUOTES, ids=ids)
        fresh = await service.ask("query ($ids: [ID!]!) { quotes(ids: $ids, maxAgeMs: 0) { lastPrice } }", ids=ids)

        assert [cost(answer) for answer in (first, second, fresh)] == [
            spent(upstream=1),
            spent(cache=10),
            spent(upstream=1),
        ]
        assert second["data"] == first["data"]
        assert sandbox.count("quote") == 2


async def test_fifty_clients_at_once_share_one_call(tmp_path: Path) -> None:
    """Fifty sockets with ten of the same 500 symbols each, all sent within 10 ms; then again from the stream."""
    async with running_pair(tmp_path) as (service, sandbox), fifty_clients(service) as clients:
        ids = traded(sandbox, 500)
        await service.ask(QUOTES, ids=[])  # the document is known, as on every page load but the first

        answers = await ask_at_once(clients, ids)

        assert sandbox.count("quote") == 1
        assert sandbox.requests[-1].instruments == 500
        assert [cost(answer) for answer in answers] == [spent(upstream=1)] * 50
        assert all(quote["source"] == "SANDBOX" for answer in answers for quote in answer["data"]["quotes"])

        await until_streamed(service, ids)
        before = sandbox.count("quote")
        assert [cost(answer) for answer in await ask_at_once(clients, ids)] == [spent(stream=10)] * 50
        assert sandbox.count("quote") == before


async def test_same_symbols_of_many_clients_are_asked_once(tmp_path: Path) -> None:
    """Fifty pages that show the same ten symbols are one call for ten instruments."""
    async with running_pair(tmp_path) as (service, sandbox), fifty_clients(service) as clients:
        ids = traded(sandbox, 10)
        answers = await ask_at_once(clients, ids * 50)

        assert sandbox.count("quote") == 1
        assert sandbox.requests[-1].instruments == 10
        assert len({orjson.dumps(answer["data"]) for answer in answers}) == 1


Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def fifty_clients(service: RunningService) -> AsyncIterator[list[Client]]:
    """Fifty open HTTP connections; a client library would spend more than the 10 ms on its own work."""
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(50):
            reader, writer = await asyncio.open_connection("127.0.0.1", service.settings.service_port)
            stack.push_async_callback(writer.wait_closed)
            stack.callback(writer.close)
            clients.append((reader, writer))
        yield clients


async def ask_at_once(clients: Sequence[Client], ids: Sequence[str]) -> list[dict[str, Any]]:
    """Ten ids for each client, all requests sent before any answer is read."""
    share = len(ids) // len(clients)
    for number, (_, writer) in enumerate(clients):
        mine = ids[number * share : (number + 1) * share]
        body = orjson.dumps({"query": QUOTES, "variables": {"ids": mine}})
        head = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return [await read_answer(reader) for reader, _ in clients]


async def read_answer(reader: asyncio.StreamReader) -> dict[str, Any]:
    """The JSON body of one HTTP answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.partition("content-length:")[2].split()[0])
    return dict(orjson.loads(await reader.readexactly(length)))
