"""Live quotes over graphql-transport-ws, against an exchange that is broken on purpose."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import pytest

from app.parts import Timing
from app.providers.kite.ticker_settings import TickerSettings
from tests.service.markets import build_restless_market
from tests.service.sockets import Ended, Stream, subscribed
from tests.service.symbols import NEVER_TRADED, traded
from tests.support.patience import PATIENCE
from tests.support.sandbox import RunningSandbox
from tests.support.service import RunningService, running_pair

LIVE = """subscription ($ids: [ID!]!, $throttle: Int! = 0) { quotes(ids: $ids, throttleMs: $throttle) {
  sequence snapshot feed quotes { id lastPrice source receivedAt } rejected { id code message subscribed } } }"""
FULL = """subscription ($ids: [ID!]!) { quotes(ids: $ids, throttleMs: 0) { sequence quotes {
  id lastPrice open high low previousClose volume averagePrice lastTradeTime exchangeTime receivedAt source
  depth { bids { price quantity orders } asks { price quantity orders } } } } }"""
CARRIED = "{ providers { subscribedInstruments } }"
QUICK = TickerSettings(silence=2.0, first_delay=0.2, longest_delay=0.4, down_after=20, close_timeout=0.2)
"""A dead socket is noticed soon, and no pause of a loaded machine is taken for one."""
PAUSED_BYTES = 64 * 1024
"""What asyncio takes for a client before it lets the sender wait."""
FAST_MARKET: dict[str, Any] = {"rate_limits": None, "tick_seconds": 0.1, "heartbeat_seconds": 0.1}


@asynccontextmanager
async def live_pair(
    tmp_path: Path, *, linger: float = 0.3, **sandbox: Any
) -> AsyncIterator[tuple[RunningService, RunningSandbox]]:
    """A quick service before a fast market; other keywords are those of the sandbox."""
    async with running_pair(
        tmp_path, sandbox=FAST_MARKET | sandbox, timing=Timing(ticker=QUICK, linger=linger)
    ) as pair:
        yield pair


async def until(stream: Stream, *, feed: str, with_quotes: bool = False) -> list[dict[str, Any]]:
    """Updates up to the first one in this state of the feed."""
    updates: list[dict[str, Any]] = []
    while not updates or updates[-1]["feed"] != feed or (with_quotes and not updates[-1]["quotes"]):
        updates.append(await stream.data())
    return updates


async def until_carried(service: RunningService, count: int) -> None:
    """Returns when the stream carries so many instruments."""
    with anyio.fail_after(PATIENCE):
        while (await service.ask(CARRIED))["data"]["providers"][0]["subscribedInstruments"] != count:  # noqa: ASYNC110 - seen from outside
            await anyio.sleep(0.02)


async def test_snapshot_first_then_changes_at_the_subscribers_own_rate(tmp_path: Path) -> None:
    """All that is known in the first update, for nothing; then at most one update per throttle, numbered by one."""
    async with live_pair(tmp_path) as (service, sandbox):
        ids = traded(sandbox, 10)
        began = anyio.current_time()
        async with subscribed(service, LIVE, ids=ids, throttle=300) as stream:
            first = await stream.result()
            snapshot = first["data"]["quotes"]
            updates = [await stream.data() for _ in range(5)]
        taken = anyio.current_time() - began

        assert first["extensions"]["cost"] == {"upstreamCalls": 0, "fromStream": 10, "fromCache": 0}
        assert sandbox.count("quote") == 0
        assert snapshot["snapshot"]
        assert snapshot["feed"] == "LIVE"
        assert snapshot["rejected"] == []
        assert {quote["id"] for quote in snapshot["quotes"]} == set(ids)
        assert numbers_rise([snapshot, *updates])
        assert not any(update["snapshot"] for update in updates)
        for update in updates:
            changed = [quote["id"] for quote in update["quotes"]]
            assert changed
            assert len(changed) == len(set(changed))
            assert set(changed) <= set(ids)
        assert taken > 5 * 0.29, "one in each throttle; on the wire single ones may be late, never early by much"


async def test_what_cannot_be_had_is_told_once(tmp_path: Path) -> None:
    """In the snapshot, each with its code; what may still get a price stays subscribed; the others do not wait."""
    async with live_pair(tmp_path) as (service, sandbox):
        good = traded(sandbox, 1)
        wanted = [*good, "NSE:INFYY", "nonsense", NEVER_TRADED, *good]
        async with subscribed(service, LIVE, ids=wanted) as stream:
            first, second = await stream.data(), await stream.data()
        assert [quote["id"] for quote in first["quotes"]] == good
        told = {item["id"]: (item["code"], item["subscribed"]) for item in first["rejected"]}
        assert told == {
            "NSE:INFYY": ("UNKNOWN_INSTRUMENT", False),
            "nonsense": ("INVALID_INPUT", False),
            NEVER_TRADED: ("NOT_PRICED", True),
        }
        assert "did you mean" in first["rejected"][0]["message"]
        assert second["rejected"] == []

        async with subscribed(service, LIVE, ids=["NSE:INFYY", "nonsense"]) as stream:
            only = await stream.data()
            with pytest.raises(Ended) as ended:
                await stream.data()
        assert (only["quotes"], len(only["rejected"])) == ([], 2)
        assert ended.value.errors == []


async def test_subscription_outlives_dropped_and_stalled_upstream_sockets(tmp_path: Path) -> None:
    """Each new state of the feed is an update of its own, and quotes flow again by themselves."""
    async with live_pair(tmp_path) as (service, sandbox):
        ids = traded(sandbox, 5)
        async with subscribed(service, LIVE, ids=ids) as stream:
            updates = await until(stream, feed="LIVE", with_quotes=True)

            assert await sandbox.fault("drop_socket") == 1
            broken = await until(stream, feed="CONNECTING")
            mended = await until(stream, feed="LIVE", with_quotes=True)

            assert await sandbox.fault("stall_socket") == 1
            stalled = await until(stream, feed="STALLED")
            again = await until(stream, feed="LIVE", with_quotes=True)

        assert numbers_rise([*updates, *broken, *mended, *stalled, *again])
        assert sandbox.count("ticker") == 3, "one socket at a time"
        assert sandbox.count("quote") == 0


async def test_instruments_are_carried_as_long_as_someone_looks(tmp_path: Path) -> None:
    """Shared by all who subscribe; the last one to leave ends it, after the linger."""
    async with live_pair(tmp_path) as (service, sandbox):
        ids = traded(sandbox, 6)
        async with subscribed(service, LIVE, ids=ids[:4]) as first:
            await first.data()
            async with subscribed(service, LIVE, ids=ids[2:]) as second:
                await second.data()
                await until_carried(service, 6)
            await until_carried(service, 4)
            await until(first, feed="LIVE", with_quotes=True)
        await until_carried(service, 0)
        (upstream,) = sandbox.parts.ticker.sockets()
        with anyio.fail_after(PATIENCE):
            while upstream.subscriptions:  # noqa: ASYNC110 - as above
                await anyio.sleep(0.02)
        assert sandbox.count("quote") == 0


async def test_slow_reader_gets_the_newest_state_and_delays_nobody(tmp_path: Path) -> None:
    """Its updates are merged, told by a jump of `sequence`; nothing piles up; others get every update."""
    market = await build_restless_market()
    async with live_pair(tmp_path, market=market) as (service, sandbox), narrow_socket(service) as narrow:
        ids = traded(sandbox, 100, skip=50)
        options = {"sock": narrow, "max_queue": 1}
        async with (
            subscribed(service, FULL, options=options, ids=ids) as slow,
            subscribed(service, LIVE, ids=ids) as quick,
        ):
            narrow_servers_side(service, narrow)
            read = [await slow.data()]
            updates = [await quick.data()]
            held = [0]
            while len(set(held[-5:])) > 1 or held[-1] < PAUSED_BYTES:  # until nothing moves any more
                updates.append(await quick.data())
                held.append(unsent_bytes(service))
            while newest(read[-1]) < newest(updates[-1]) and len(read) < 25:
                read.append(await slow.data())

    assert numbers_rise(updates)
    assert lost(updates) < lost(read), "the quick one did not wait for the slow one"
    assert held[-1] < 4 * PAUSED_BYTES, "no more than the message that does not go out"
    assert 2 <= len(read) < 25, "a few that were on their way, and then the newest state"
    assert lost(read) >= 1, "what it did not read was merged, and counted"


def numbers_rise(updates: list[dict[str, Any]]) -> bool:
    """From 1, none twice; there are gaps only where this machine kept a reader waiting for longer than its throttle."""
    numbers = [update["sequence"] for update in updates]
    return numbers[0] == 1 and numbers == sorted(set(numbers))


def lost(updates: list[dict[str, Any]]) -> int:
    """How many updates were merged into others."""
    return int(updates[-1]["sequence"]) - len(updates)


def newest(update: dict[str, Any]) -> datetime:
    """When its newest quote was received."""
    return max(datetime.fromisoformat(quote["receivedAt"]) for quote in update["quotes"])


@asynccontextmanager
async def narrow_socket(service: RunningService) -> AsyncIterator[socket.socket]:
    """A connection that holds little, so that a reader who does not read is felt at once."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 131_072)
    await anyio.to_thread.run_sync(narrow.connect, ("127.0.0.1", service.settings.service_port))
    narrow.setblocking(False)
    yield narrow


def narrow_servers_side(service: RunningService, client: socket.socket) -> None:
    """The kernel would take megabytes for the client before the server notices anything."""
    ends = [transport.get_extra_info("socket") for transport in transports(service)]
    (server,) = (end for end in ends if end.getpeername() == client.getsockname())
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 131_072)


def unsent_bytes(service: RunningService) -> int:
    """What the server holds for all its clients and the network does not take."""
    return sum(transport.get_write_buffer_size() for transport in transports(service))


def transports(service: RunningService) -> list[asyncio.Transport]:
    """Of all open connections."""
    found = [protocol.transport for protocol in service.server.server_state.connections]
    return [transport for transport in found if transport is not None]
