"""graphql-transport-ws: opening a socket, and every message that the protocol does not know."""

import anyio
import orjson
import pytest
from structlog.testing import capture_logs
from websockets.exceptions import InvalidStatus

from schema.transport.socket import SocketLimits
from tests.transport.conftest import Service, running
from tests.transport.sockets import ACK, INIT, close_code, closed, receive, receive_until, subscribe


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

DEEP = '{"a":' * 100 + "1" + "}" * 100

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
    "a payload deeper than we write": '{"type":"ping","payload":' + '{"a":' * 300 + "1" + "}" * 301,
    "65 levels": '{"type":"ping","payload":{"a":' + "[" * 63 + "]" * 63 + "}}",
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


async def test_depth_of_a_message_is_bounded_and_said(service: Service):
    """As deep as may be is answered; deeper gets the reason."""
    fits = '{"type":"ping","payload":{"a":' + "[" * 62 + "]" * 62 + "}}"
    async with service.ready_socket() as socket:
        await socket.send(fits)
        assert await socket.recv() == fits.replace("ping", "pong")
        await socket.send(subscribe("a", "subscription{count(to:2)}", extensions=orjson.loads(DEEP)))
        assert await close_code(socket) == (4400, "the message has more than 64 objects and lists within each other")


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
