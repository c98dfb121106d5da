"""The ticker over real sockets, decoded by the vendor's decoder."""

import json

import anyio
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.sandbox_server.tiny_market import CRUDE, INFY, MANDM, NEVER, NIFTY, USDINR, TinyMarket
from tests.sandbox_server.vendor import SocketClient, open_socket
from tests.support.patience import PATIENCE
from tests.support.sandbox import RunningSandbox, running_sandbox


async def settle(sandbox: RunningSandbox, rounds: int = 2) -> None:
    """Wait until the clockwork went round."""
    goal = sandbox.parts.ticker.clockwork.rounds + rounds
    with anyio.fail_after(PATIENCE):
        while sandbox.parts.ticker.clockwork.rounds < goal:  # noqa: ASYNC110  the clockwork has no event of its own
            await anyio.sleep(0.005)


async def until_nothing_is_subscribed(sandbox: RunningSandbox) -> None:
    """Wait until the exchange has read what clients sent, and what it sent before has gone out."""
    with anyio.fail_after(PATIENCE):
        while any(socket.subscriptions for socket in sandbox.parts.ticker.sockets()):  # noqa: ASYNC110  as above
            await anyio.sleep(0.005)
    await settle(sandbox)


async def test_subscribing_sends_a_snapshot_at_once_in_quote_mode(sandbox: RunningSandbox) -> None:
    """Without a mode a stock comes as 44 bytes, an index as 28; what never traded does not come."""
    async with open_socket(sandbox, await sandbox.login()) as client:
        await client.send("subscribe", [INFY, NIFTY, NEVER, 999])
        ticks = await client.ticks(2)

    assert {(tick["instrument_token"], tick["mode"], tick["last_price"]) for tick in ticks} == {
        (INFY, "quote", 1412.95),
        (NIFTY, "quote", 24567.15),
    }


async def test_any_path_is_the_ticker(sandbox: RunningSandbox) -> None:
    """`ws://host:port?...`, `/` and `/ws` all work, and say that this is a sandbox."""
    token = await sandbox.login()
    for path in ("", "/", "/ws"):
        async with open_socket(sandbox, token, path) as client:
            await client.send("subscribe", [INFY])
            assert await client.ticks()
            assert client.connection.response is not None
            assert client.connection.response.headers["x-sandbox"] == "true"


async def test_each_mode_has_its_packet(sandbox: RunningSandbox) -> None:
    """A change of mode answers at once with a packet of that mode, prices right for each segment."""
    async with open_socket(sandbox, await sandbox.login()) as client:
        await client.send("subscribe", [USDINR, CRUDE])
        await client.ticks(2)
        for mode in ("full", "ltp", "quote"):
            await client.send("mode", [mode, [USDINR, CRUDE]])
            ticks = await client.ticks(2)
            assert {(tick["mode"], tick["last_price"]) for tick in ticks} == {(mode, 84.4375), (mode, 5817.0)}


async def test_only_changed_instruments_tick(sandbox: RunningSandbox, market: TinyMarket) -> None:
    """Silence while nothing moves; then the one that moved, and in ltp mode only for its price."""
    async with open_socket(sandbox, await sandbox.login()) as client:
        await client.send("subscribe", [INFY, MANDM, CRUDE])
        await client.send("mode", ["ltp", [INFY]])
        await client.ticks(4)
        assert await client.quiet_for(0.1)

        market.change(INFY, volume=200_000)
        market.change(MANDM, volume=200_000)
        ticks = await client.ticks()
        assert [(tick["instrument_token"], tick["volume_traded"]) for tick in ticks] == [(MANDM, 200_000)]

        market.change(INFY, last_price=1413.0)
        ticks = await client.ticks()
        assert [(tick["instrument_token"], tick["last_price"]) for tick in ticks] == [(INFY, 1413.0)]
        assert await client.quiet_for(0.1)


async def test_changes_of_one_round_come_in_one_frame(sandbox: RunningSandbox, market: TinyMarket) -> None:
    """Packets are batched."""
    async with open_socket(sandbox, await sandbox.login()) as client:
        await client.send("subscribe", [INFY, MANDM])
        await client.ticks(2)
        market.change(INFY, last_price=1.0)
        market.change(MANDM, last_price=2.0)

        ticks = await client.ticks()

    assert [tick["last_price"] for tick in ticks] == [1.0, 2.0]


async def test_unsubscribing_ends_the_ticks(sandbox: RunningSandbox, market: TinyMarket) -> None:
    """What was unsubscribed moves unseen; a mode for it is ignored; subscribing again starts in quote mode."""
    async with open_socket(sandbox, await sandbox.login()) as client:
        await client.send("subscribe", [INFY])
        await client.send("mode", ["full", [INFY]])
        await client.ticks(2)
        await client.send("unsubscribe", [INFY])
        await client.send("mode", ["full", [INFY]])
        await until_nothing_is_subscribed(sandbox)
        market.change(INFY, last_price=1.0)
        assert await client.quiet_for(0.1)

        await client.send("subscribe", [INFY])
        assert [(tick["mode"], tick["last_price"]) for tick in await client.ticks()] == [("quote", 1.0)]


async def test_heartbeats_come_without_ticks(sandbox: RunningSandbox) -> None:
    """One byte at each interval, also for a socket that subscribed to nothing."""
    async with open_socket(sandbox, await sandbox.login()) as client:
        messages = [await client.receive() for _ in range(4)]

    assert json.loads(messages[0])["type"] == "instruments_meta"
    assert messages[1:] == [b"\x00"] * 3


async def test_bad_credentials_are_refused_at_the_upgrade(sandbox: RunningSandbox) -> None:
    """403 before the socket opens."""
    token = await sandbox.login()
    for credentials in ("", "?api_key=sandboxkey&access_token=x", f"?api_key=other&access_token={token}"):
        with pytest.raises(InvalidStatus) as caught:
            async with SocketClient.connected(sandbox.ticker_url + credentials):
                pass
        assert caught.value.response.status_code == 403
        assert caught.value.response.headers["x-sandbox"] == "true"
        assert sandbox.requests[-1].status == 403


async def test_a_fourth_socket_is_refused_until_one_leaves(sandbox: RunningSandbox) -> None:
    """429 at the upgrade while three are open."""
    token = await sandbox.login()
    async with open_socket(sandbox, token), open_socket(sandbox, token):
        async with open_socket(sandbox, token):
            with pytest.raises(InvalidStatus) as caught:
                async with open_socket(sandbox, token):
                    pass
            assert caught.value.response.status_code == 429
        with anyio.fail_after(PATIENCE):
            while len(sandbox.parts.ticker.sockets()) > 2:  # noqa: ASYNC110  the server notices in its own time
                await anyio.sleep(0.005)
        async with open_socket(sandbox, token) as client:
            await client.send("subscribe", [INFY])
            assert await client.ticks()


async def test_an_open_socket_outlives_its_session(sandbox: RunningSandbox, market: TinyMarket) -> None:
    """Kite goes on serving it; only the next dial is refused."""
    token = await sandbox.login()
    async with open_socket(sandbox, token) as client:
        await client.send("subscribe", [INFY])
        await client.ticks()
        sandbox.clock.shift(hours=25)
        market.change(INFY, last_price=1.0)

        assert (await client.ticks())[0]["last_price"] == 1.0
        with pytest.raises(InvalidStatus) as caught:
            async with open_socket(sandbox, token):
                pass
        assert caught.value.response.status_code == 403


async def test_a_socket_carries_so_many_tokens_and_no_more(market: TinyMarket) -> None:
    """What is over the limit is not subscribed, and a text says so; what fits works; known ones count once."""
    async with (
        running_sandbox(market=market, max_tokens_per_socket=3, tick_seconds=0.02) as sandbox,
        open_socket(sandbox, await sandbox.login()) as client,
    ):
        await client.send("subscribe", [INFY, 1, 2])
        await client.send("subscribe", [INFY, MANDM, CRUDE])

        error = await client.text()

        assert error["type"] == "error"
        assert "3 instruments" in error["data"]
        assert list(sandbox.parts.ticker.sockets()[0].subscriptions) == [INFY, 1, 2]
        await client.send("unsubscribe", [1])
        await client.send("subscribe", [MANDM])
        assert MANDM in [(await client.ticks())[-1]["instrument_token"] for _ in range(2)]


NONSENSE: list[str | bytes] = [
    "", "nonsense", "[]", "1", '{"a":"subscribe"}', '{"a":"subscribe","v":5}', '{"a":"subscribe","v":["408065"]}',
     '{"a":"subscribe","v":[true]}', '{"a":"mode","v":["best",[1]]}', '{"a":"mode","v":[]}', '{"a":"sing","v":[]}',
     '{"a":{},"v":[]}', b"\xff\xfe"]  # fmt: skip


async def test_nonsense_gets_a_text_error_and_the_socket_lives(sandbox: RunningSandbox) -> None:
    """Each bad message is answered with an error text; the next good one works."""
    async with open_socket(sandbox, await sandbox.login()) as client:
        for message in NONSENSE:
            await client.connection.send(message)
            error = await client.text()
            assert error["type"] == "error"
        await client.send("subscribe", [INFY])
        assert await client.ticks()


async def test_two_sockets_get_the_same_change_in_their_own_modes(sandbox: RunningSandbox, market: TinyMarket) -> None:
    """Sockets are independent."""
    token = await sandbox.login()
    async with open_socket(sandbox, token) as first, open_socket(sandbox, token) as second:
        for client, mode in ((first, "full"), (second, "ltp")):
            await client.send("subscribe", [INFY])
            await client.send("mode", [mode, [INFY]])
            await client.ticks(2)
        market.change(INFY, last_price=1.0)

        assert (await first.changed_to(1.0))["mode"] == "full"
        assert (await second.changed_to(1.0))["mode"] == "ltp"


async def test_a_socket_that_does_not_read_is_dropped(market: TinyMarket) -> None:
    """Its outbox is bounded; the other socket does not notice."""
    async with running_sandbox(market=market, max_outbox_bytes=100_000, tick_seconds=0.02) as sandbox:
        token = await sandbox.login()
        async with open_socket(sandbox, token) as reader, open_socket(sandbox, token) as sleeper:
            await reader.send("subscribe", [INFY])
            await reader.ticks()
            for _ in range(200):
                sandbox.parts.ticker.sockets()[-1].offer(b"\x00" * 90_000)
                await anyio.sleep(0.001)
                if len(sandbox.parts.ticker.sockets()) == 1:
                    break

            assert sandbox.parts.ticker.dropped_slow == 1
            with pytest.raises(ConnectionClosed):
                await sleeper.drain()
            market.change(INFY, last_price=1.0)
            assert (await reader.ticks())[-1]["last_price"] == 1.0


async def test_a_round_survives_a_market_that_fails(sandbox: RunningSandbox, market: TinyMarket) -> None:
    """One bad price ends neither the clockwork nor the socket."""
    async with open_socket(sandbox, await sandbox.login()) as client:
        await client.send("subscribe", [INFY])
        await client.ticks()
        market.change(INFY, last_price="no number")
        await anyio.sleep(0.05)
        market.change(INFY, last_price=1.0)

        assert (await client.ticks())[0]["last_price"] == 1.0
