"""graphql-transport-ws: operations on a socket, and how they end."""

import anyio
import pytest
from structlog.testing import capture_logs
from websockets.exceptions import InvalidStatus

from app.websocket_protocol import DirectWebSocketProtocol
from schema.transport.socket import SocketLimits
from tests.support.patience import PATIENCE
from tests.support.small_buffers import SmallBuffers, small_socket
from tests.transport.conftest import Service, running
from tests.transport.sockets import INIT, begun, close_code, closed, complete, receive, receive_until, subscribe


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
        await begun(service, "slow")
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
    with anyio.fail_after(PATIENCE):
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


async def test_client_that_does_not_read_delays_nobody_else():
    """Its own source waits; a client beside it gets its answers at once."""
    connections: list[DirectWebSocketProtocol] = []

    class Small(SmallBuffers, DirectWebSocketProtocol):
        def pause_writing(self) -> None:
            super().pause_writing()
            connections.append(self)

    name = "x" * 10_000
    async with running(server={"websocket_protocol": Small}) as service, service.ready_socket() as quick:
        async with service.ready_socket(sock=await small_socket(service.port)) as lazy:
            lazy.transport.pause_reading()
            await lazy.send(subscribe("a", f'subscription{{endless(name:"{name}", pause:0)}}'))
            with anyio.fail_after(PATIENCE):
                while not connections:  # noqa: ASYNC110 - a list that the server fills
                    await anyio.sleep(0.005)
                await quick.send(subscribe("q", "{hello}"))
                await receive_until(quick, "complete", "q")
            lazy.transport.abort()
        await closed(service, name)

    (record,) = [record for record in service.ledger.records if record.kind == "subscription"]
    assert 0 < record.events < 100


# ------------------------------------------------------------ stopping


async def test_stopping_tells_clients_to_come_back(own_service: Service):
    """Subscriptions end at once without `complete`, a running query gets its answer, then 1012; no new sockets."""
    async with own_service.ready_socket() as socket:
        await socket.send(subscribe("s", 'subscription{silent(name:"s")}'))
        await receive_until(socket, "next", "s")
        await socket.send(subscribe("q", "{slow(seconds: 0.5)}"))
        await begun(own_service, "slow")
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
        await begun(service, "slow")
        with anyio.fail_after(PATIENCE):
            await service.websocket.close_all()
        assert (await close_code(socket))[0] == 1012
