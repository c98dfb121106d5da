"""graphql-transport-ws: the whole protocol, over real sockets."""

from contextlib import suppress
from typing import Any

import anyio
import orjson
import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from schema.transport.socket import SocketLimits
from tests.transport.conftest import Service, running

INIT = '{"type":"connection_init"}'
ACK = '{"type":"connection_ack"}'


def subscribe(identifier: str, query: str, **more: Any) -> str:
    """A subscribe message."""
    message = {"id": identifier, "type": "subscribe", "payload": {"query": query, **more}}
    return orjson.dumps(message).decode()


def complete(identifier: str) -> str:
    """A complete message."""
    return orjson.dumps({"id": identifier, "type": "complete"}).decode()


async def receive(socket: ClientConnection) -> dict[str, Any]:
    """The next message, which must be a text frame."""
    with anyio.fail_after(3):
        text = await socket.recv()
    assert isinstance(text, str)
    message: dict[str, Any] = orjson.loads(text)
    return message


async def receive_until(socket: ClientConnection, kind: str, identifier: str) -> dict[str, Any]:
    """The first message of a kind for an operation."""
    while True:
        message = await receive(socket)
        if (message["type"], message.get("id")) == (kind, identifier):
            return message


async def close_code(socket: ClientConnection) -> tuple[int, str]:
    """How the server closes; messages before it are passed over."""
    with anyio.fail_after(3), suppress(ConnectionClosed):
        while True:
            await socket.recv()
    assert socket.close_code is not None
    return socket.close_code, socket.close_reason or ""


async def closed(service: Service, *names: str) -> None:
    """Wait until the sources of these names were closed."""
    with anyio.fail_after(3):
        while not set(names) <= set(service.ledger.closed):  # noqa: ASYNC110 - the toy keeps a list
            await anyio.sleep(0.005)


# ------------------------------------------------------------ opening


async def test_subscription_from_init_to_complete(service: Service):
    """Text frames, in order, with the id of the operation."""
    async with service.socket() as socket:
        assert socket.subprotocol == "graphql-transport-ws"
        await socket.send(INIT)
        assert await receive(socket) == {"type": "connection_ack"}
        await socket.send(subscribe("a", "subscription{count(to:2)}"))

        got = [await receive(socket) for _ in range(3)]

    assert got == [
        {"id": "a", "type": "next", "payload": {"data": {"count": 0}}},
        {"id": "a", "type": "next", "payload": {"data": {"count": 1}}},
        {"id": "a", "type": "complete"},
    ]
    assert socket.protocol.extensions == []


@pytest.mark.parametrize("offered", [None, ["graphql-ws"], ["soap"]])
async def test_other_subprotocol_is_not_acceptable(service: Service, offered: list[str] | None):
    """Legacy graphql-ws among them."""
    async with service.socket(subprotocols=offered) as socket:
        assert (await close_code(socket))[0] == 4406


async def test_foreign_page_is_turned_away_at_the_upgrade(service: Service):
    """A browser names the page's origin; a foreign one gets 403, ours and non-browsers pass."""
    with pytest.raises(InvalidStatus) as refused:
        async with service.socket(origin="https://evil.example"):
            pass

    assert refused.value.response.status_code == 403
    async with service.socket(origin="http://localhost:3000") as socket:
        await socket.send(INIT)
        assert await socket.recv() == ACK


async def test_socket_that_does_not_initialise_is_closed():
    """4408 after the wait."""
    async with running(socket_limits=SocketLimits(init_seconds=0.05)) as service, service.socket() as socket:
        assert await close_code(socket) == (4408, "Connection initialisation timeout")


async def test_initialised_socket_stays_open():
    """The wait is for the first message only."""
    async with (
        running(socket_limits=SocketLimits(init_seconds=0.05)) as service,
        service.ready_socket() as socket,
    ):
        await anyio.sleep(0.15)
        await socket.send(subscribe("a", "{hello}"))
        assert (await receive(socket))["type"] == "next"


async def test_second_init_is_too_many(service: Service):
    """4429."""
    async with service.ready_socket() as socket:
        await socket.send(INIT)
        assert await close_code(socket) == (4429, "Too many initialisation requests")


async def test_subscribe_before_the_acknowledgement_is_unauthorised(service: Service):
    """4401, and nothing runs."""
    async with service.socket() as socket:
        await socket.send(subscribe("a", "mutation{touch}"))
        assert await close_code(socket) == (4401, "Unauthorized")
    assert service.ledger.touched == 0


async def test_sockets_are_bounded():
    """One too many gets 503 at the upgrade."""
    async with running(socket_limits=SocketLimits(max_sockets=1)) as service, service.ready_socket():
        with pytest.raises(InvalidStatus) as refused:
            async with service.socket():
                pass

    assert refused.value.response.status_code == 503


# ------------------------------------------------------------ messages

INVALID: dict[str, str | bytes] = {
    "no JSON": "{",
    "null": "null",
    "number": "1",
    "string": '"connection_init"',
    "array": "[]",
    "no type": "{}",
    "type number": '{"type":1}',
    "type list": '{"type":["subscribe"]}',
    "unknown type": '{"type":"start","id":"a","payload":{"query":"{hello}"}}',
    "a type of the server": '{"type":"connection_ack"}',
    "init payload string": '{"type":"connection_init","payload":"x"}',
    "ping payload list": '{"type":"ping","payload":[]}',
    "pong payload number": '{"type":"pong","payload":1}',
    "no id": '{"type":"subscribe","payload":{"query":"{hello}"}}',
    "id number": '{"type":"subscribe","id":1,"payload":{"query":"{hello}"}}',
    "id empty": '{"type":"subscribe","id":"","payload":{"query":"{hello}"}}',
    "id too long": '{"type":"subscribe","id":"' + "x" * 300 + '","payload":{"query":"{hello}"}}',
    "no payload": '{"type":"subscribe","id":"a"}',
    "payload string": '{"type":"subscribe","id":"a","payload":"{hello}"}',
    "no query": '{"type":"subscribe","id":"a","payload":{}}',
    "query number": '{"type":"subscribe","id":"a","payload":{"query":1}}',
    "variables string": '{"type":"subscribe","id":"a","payload":{"query":"{hello}","variables":"{}"}}',
    "variables list": '{"type":"subscribe","id":"a","payload":{"query":"{hello}","variables":[]}}',
    "operationName number": '{"type":"subscribe","id":"a","payload":{"query":"{hello}","operationName":1}}',
    "extensions string": '{"type":"subscribe","id":"a","payload":{"query":"{hello}","extensions":"x"}}',
    "complete without id": '{"type":"complete"}',
    "complete id object": '{"type":"complete","id":{}}',
    "an integer of 5,000 digits": '{"type":"ping","payload":{"a":' + "9" * 5000 + "}}",
    "100,000 nested arrays": '{"type":"ping","payload":{"a":' + "[" * 100_000 + "]" * 100_000 + "}}",
    "a binary frame": b'{"type":"ping"}',
}


@pytest.mark.parametrize("name", INVALID)
async def test_invalid_message_closes_the_socket(service: Service, name: str):
    """4400 with a reason, no traceback, and what ran on the socket is closed."""
    with capture_logs() as logs:
        async with service.ready_socket() as socket:
            await socket.send(subscribe("s", 'subscription{silent(name:"s")}'))
            await receive_until(socket, "next", "s")
            await socket.send(INVALID[name])
            code, reason = await close_code(socket)
        await closed(service, "s")

    assert code == 4400
    assert reason
    assert logs == []


async def test_message_that_is_too_long_closes_the_socket(service: Service):
    """1009, before it is parsed."""
    async with service.ready_socket() as socket:
        await socket.send(subscribe("a", "{hello}" + " " * 1_100_000))
        assert (await close_code(socket))[0] == 1009


async def test_ping_is_answered_with_its_payload(service: Service):
    """At any time, before the acknowledgement too; a pong from the client is a sign of life."""
    async with service.socket() as socket:
        await socket.send('{"type":"ping"}')
        assert await socket.recv() == '{"type":"pong"}'
        await socket.send('{"type":"ping","payload":{"n":1}}')
        assert await socket.recv() == '{"type":"pong","payload":{"n":1}}'
        await socket.send('{"type":"pong"}')
        await socket.send(INIT)
        assert await socket.recv() == ACK


async def test_server_pings_when_it_has_nothing_to_say():
    """So that a page can tell a quiet market from a dead service."""
    async with (
        running(socket_limits=SocketLimits(ping_seconds=0.05)) as service,
        service.ready_socket() as socket,
    ):
        assert await receive(socket) == {"type": "ping"}
        await socket.send('{"type":"pong"}')
        assert await receive(socket) == {"type": "ping"}


async def test_null_parameters_are_allowed(service: Service):
    """As clients send them that fill in every field."""
    async with service.ready_socket() as socket:
        await socket.send(subscribe("a", "{hello}", variables=None, operationName=None, extensions=None))
        assert (await receive(socket))["payload"] == {"data": {"hello": "hello world"}}


# ------------------------------------------------------------ operations


async def test_queries_and_mutations_share_the_socket(service: Service):
    """One `next` and `complete` each, and the id may be used again."""
    async with service.ready_socket() as socket:
        for query, data in (("{hello}", {"hello": "hello world"}), ("mutation{touch}", {"touch": 1})):
            await socket.send(subscribe("a", query))
            assert await receive(socket) == {"id": "a", "type": "next", "payload": {"data": data}}
            assert await receive(socket) == {"id": "a", "type": "complete"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{nope}", "GRAPHQL_VALIDATION_FAILED"),
        ("query a{hello} query b{hello}", "OPERATION_RESOLUTION_FAILURE"),
        ("query($v:BigInt!){big(value:$v)}", "BAD_USER_INPUT"),
        ("{firstQuotes(first: 1000000){id}}", "DOCUMENT_TOO_COSTLY"),
        ("subscription{refused}", "UNKNOWN_INSTRUMENT"),
        ("subscription{secret}", "FORBIDDEN"),
        ('subscription{count(to:"x")}', "GRAPHQL_VALIDATION_FAILED"),
    ],
)  # fmt: skip
async def test_bad_operation_fails_alone(service: Service, query: str, code: str):
    """An `error` for it; every other stream of the socket goes on."""
    async with service.ready_socket() as socket:
        await socket.send(subscribe("good", 'subscription{endless(name:"g")}'))
        await receive_until(socket, "next", "good")
        await socket.send(subscribe("bad", query))

        message = await receive_until(socket, "error", "bad")
        await receive_until(socket, "next", "good")

    (error,) = message["payload"]
    assert error["extensions"]["code"] == code


async def test_stream_that_breaks_ends_with_an_error(service: Service):
    """What came before it stays; no `complete` follows."""
    with capture_logs() as logs:
        async with service.ready_socket() as socket:
            await socket.send(subscribe("a", "subscription{breaks}"))
            kinds = [(await receive(socket))["type"] for _ in range(2)]
            await socket.send('{"type":"ping"}')
            after = await receive(socket)

    assert kinds == ["next", "error"]
    assert after["type"] == "pong"
    assert len(logs) == 1


async def test_id_in_use_closes_the_socket(service: Service):
    """4409, whatever the kind of operation."""
    async with service.ready_socket() as socket:
        await socket.send(subscribe("a", 'subscription{silent(name:"s")}'))
        await receive_until(socket, "next", "a")
        await socket.send(subscribe("a", "{hello}"))

        assert await close_code(socket) == (4409, "Subscriber for a already exists")


async def test_complete_from_the_client_closes_the_source_at_once(service: Service):
    """Nothing of that operation follows, and its id may be used again at once."""
    async with service.ready_socket() as socket:
        await socket.send(subscribe("a", 'subscription{silent(name:"s")}'))
        await receive_until(socket, "next", "a")
        await socket.send(complete("a"))
        await socket.send(subscribe("a", "{hello}"))

        assert (await receive(socket))["payload"] == {"data": {"hello": "hello world"}}
        assert await receive(socket) == {"id": "a", "type": "complete"}
        await closed(service, "s")


async def test_completing_a_running_query_cancels_it(service: Service):
    """Its result is not sent, by the protocol."""
    async with service.ready_socket() as socket:
        await socket.send(subscribe("a", "{slow(seconds: 30)}"))
        await anyio.sleep(0.05)
        await socket.send(complete("a"))
        await socket.send('{"type":"ping"}')
        assert (await receive(socket))["type"] == "pong"

    assert [record.error_codes for record in service.ledger.records] == [("CANCELLED",)]


async def test_complete_for_an_unknown_id_is_ignored(service: Service):
    """It may have crossed the server's own."""
    async with service.ready_socket() as socket:
        await socket.send(complete("never"))
        await socket.send('{"type":"ping"}')
        assert (await receive(socket))["type"] == "pong"


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_lost_socket_closes_every_source(service: Service, how: str):
    """Closed in good order or cut off: each `finally` runs."""
    socket = await service.socket()
    await socket.send(INIT)
    await socket.recv()
    for name in ("s", "t"):
        await socket.send(subscribe(name, f'subscription{{silent(name:"{name}")}}'))
        await receive_until(socket, "next", name)
    if how == "close":
        await socket.close()
    else:
        socket.transport.abort()

    await closed(service, "s", "t")
    with anyio.fail_after(2):
        while service.websocket.open_sockets:  # noqa: ASYNC110 - a number, not an event
            await anyio.sleep(0.005)


async def test_hundred_operations_a_socket(service: Service):
    """Queries counted; one more gets an error of its own, and there is room again when one ends."""
    async with service.ready_socket() as socket:
        for number in range(99):
            await socket.send(subscribe(f"s{number}", f'subscription{{silent(name:"s{number}")}}'))
            await receive_until(socket, "next", f"s{number}")
        await socket.send(subscribe("query", "{slow(seconds: 30)}"))
        await socket.send(subscribe("over", "{hello}"))
        message = await receive_until(socket, "error", "over")
        await socket.send(complete("s0"))
        await closed(service, "s0")
        await socket.send(subscribe("fits", "{hello}"))

        assert (await receive_until(socket, "next", "fits"))["payload"] == {"data": {"hello": "hello world"}}

    assert message["payload"][0]["extensions"] == {"code": "TOO_MANY_OPERATIONS", "limit": 100}


async def test_context_is_built_per_operation_with_the_init_payload(service: Service):
    """Never once per connection: loaders in it would grow stale."""
    async with service.ready_socket({"token": "t"}) as socket:
        for identifier in ("a", "b"):
            await socket.send(subscribe(identifier, "{hello}"))
            await receive_until(socket, "complete", identifier)

    first, second = service.callers
    assert (first.transport, dict(first.params)) == ("websocket", {"token": "t"})
    assert first.headers["host"] == f"127.0.0.1:{service.port}"
    assert first.request_id == second.request_id, "one id for the socket"


async def test_client_that_does_not_read_delays_nobody_else(service: Service):
    """Its own source waits; a client beside it gets its answers at once."""
    name = "x" * 10_000
    async with service.ready_socket() as lazy, service.ready_socket() as quick:
        lazy.transport.pause_reading()
        await lazy.send(subscribe("a", f'subscription{{endless(name:"{name}", pause:0)}}'))
        await anyio.sleep(0.3)
        with anyio.fail_after(1):
            await quick.send(subscribe("q", "{hello}"))
            await receive_until(quick, "complete", "q")
        lazy.transport.abort()
        await closed(service, name)

    (record,) = [record for record in service.ledger.records if record.kind == "subscription"]
    assert 0 < record.events < 2000


# ------------------------------------------------------------ stopping


async def test_stopping_tells_clients_to_come_back(own_service: Service):
    """Subscriptions end at once without `complete`, a running query gets its answer, then 1012; no new sockets."""
    async with own_service.ready_socket() as socket:
        await socket.send(subscribe("s", 'subscription{silent(name:"s")}'))
        await receive_until(socket, "next", "s")
        await socket.send(subscribe("q", "{slow(seconds: 0.2)}"))
        await anyio.sleep(0.05)
        async with anyio.create_task_group() as group:
            group.start_soon(own_service.websocket.close_all)
            answer = await receive(socket)
            end = await receive(socket)
            code, _ = await close_code(socket)

        assert answer == {"id": "q", "type": "next", "payload": {"data": {"slow": "slow"}}}
        assert end == {"id": "q", "type": "complete"}
        assert code == 1012
        assert own_service.ledger.closed == ["s"]
        with pytest.raises(InvalidStatus):
            await own_service.socket()


async def test_stopping_does_not_wait_for_ever():
    """A query that takes too long is cut with its socket."""
    async with (
        running(socket_limits=SocketLimits(drain_seconds=0.1)) as service,
        service.ready_socket() as socket,
    ):
        await socket.send(subscribe("q", "{slow(seconds: 30)}"))
        await anyio.sleep(0.05)
        with anyio.fail_after(2):
            await service.websocket.close_all()
        assert (await close_code(socket))[0] == 1012
