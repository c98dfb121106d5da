"""`/streamer`: ticks as Yahoo's protobuf, read with yfinance's own class; and how a stream can go wrong."""

import json
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from yfinance.pricing_pb2 import PricingData

from app.domain.time import from_epoch
from app.sandbox.market import SimulatedMarket
from app.sandbox.yahoo.board import Reading
from app.sandbox.yahoo.directory import Security, build_directory
from app.sandbox.yahoo.pricing_data import MARKET_HOURS, pricing_data
from app.sandbox.yahoo.world import WorldMarket
from tests.sandbox_yahoo.conftest import Opens
from tests.support.clock import MONDAY_MORNING
from tests.support.patience import PATIENCE
from tests.support.sandbox import RunningSandbox

SILENCE = 0.3
"""Nothing for so long, with a look at the market each 20 ms: nothing comes."""


@dataclass(frozen=True, slots=True)
class StreamClient:
    """A client of the stream."""

    connection: ClientConnection

    async def send(self, **command: list[str]) -> None:
        """`subscribe=[..]` or `unsubscribe=[..]`."""
        await self.connection.send(json.dumps(command))

    async def tick(self) -> Any:
        """The next tick, decoded by yfinance."""
        with anyio.fail_after(PATIENCE):
            message = json.loads(await self.connection.recv())
        assert message["type"] == "pricing"
        return PricingData.FromString(b64decode(message["message"]))

    async def ticks(self, count: int) -> dict[str, Any]:
        """So many ticks, by symbol."""
        return {tick.id: tick for tick in [await self.tick() for _ in range(count)]}

    async def silent(self) -> bool:
        """Whether nothing comes for a while."""
        with anyio.move_on_after(SILENCE):
            await self.connection.recv()
            return False
        return True

    async def drain(self) -> None:
        """Read until the connection ends, which raises."""
        with anyio.fail_after(PATIENCE):
            while True:
                await self.connection.recv()


@asynccontextmanager
async def streaming(sandbox: RunningSandbox) -> AsyncIterator[StreamClient]:
    """A connection to the stream, as yfinance dials it."""
    async with connect(f"{sandbox.yahoo_stream_url}?version=2", compression=None) as connection:
        yield StreamClient(connection)


async def test_a_subscription_is_answered_at_once(sandbox: RunningSandbox, market: SimulatedMarket) -> None:
    """Each symbol's present price, as late as its quotes; nothing of what is unknown."""
    async with streaming(sandbox) as client:
        await client.send(subscribe=["INFY.NS", "NOSUCH.NS", "BTC-USD"])
        found = await client.ticks(2)
        assert await client.silent()

    shown = market.snapshot(408065, MONDAY_MORNING - timedelta(minutes=15))
    assert shown is not None
    tick = found["INFY.NS"]
    assert (round(tick.price, 2), tick.day_volume) == (shown.last_price, shown.volume)
    assert round(tick.change, 2) == round(shown.last_price - shown.close, 2)
    assert tick.time == int((MONDAY_MORNING - timedelta(minutes=15)).timestamp() * 1000)
    assert (tick.exchange, tick.quote_type, tick.market_hours, tick.currency) == ("NSI", 8, 1, "")
    assert (found["BTC-USD"].currency, found["BTC-USD"].time) == ("USD", int(MONDAY_MORNING.timestamp() * 1000))
    assert sandbox.count("yahoo_stream") == 1


async def test_a_tick_comes_when_there_was_a_trade(sandbox: RunningSandbox) -> None:
    """The clock stands still, so nothing comes until it moves; each tick is later and has more volume."""
    async with streaming(sandbox) as client:
        await client.send(subscribe=["INFY.NS"])
        ticks = [await client.tick()]
        assert await client.silent()
        for _ in range(3):
            sandbox.clock.shift(seconds=2)
            ticks.append(await client.tick())

    assert [tick.time - ticks[0].time for tick in ticks] == [0, 2_000, 4_000, 6_000]
    volumes = [tick.day_volume for tick in ticks]
    assert volumes == sorted(volumes)
    assert volumes[0] < volumes[-1]


async def test_unsubscribing_ends_a_symbol_and_leaves_the_rest(sandbox: RunningSandbox) -> None:
    """Subscriptions add up."""
    async with streaming(sandbox) as client:
        await client.send(subscribe=["INFY.NS", "TCS.NS"])
        await client.send(subscribe=["AAPL"])
        assert set(await client.ticks(3)) == {"INFY.NS", "TCS.NS", "AAPL"}

        await client.send(unsubscribe=["INFY.NS", "AAPL", "NOSUCH.NS"])
        await client.send(subscribe=["TCS.NS"])
        assert (await client.tick()).id == "TCS.NS"
        sandbox.clock.shift(seconds=10)
        assert (await client.tick()).id == "TCS.NS"
        assert await client.silent()


async def test_nonsense_is_ignored(sandbox: RunningSandbox) -> None:
    """No answer and no end."""
    async with streaming(sandbox) as client:
        for text in ("", "{", "[]", "7", '{"subscribe": "INFY.NS"}', '{"subscribe": [7, null]}', '{"a": 1}'):
            await client.connection.send(text)
        await client.connection.send(b"\xff\x00")
        await client.send(subscribe=["INFY.NS"])
        assert (await client.tick()).id == "INFY.NS"


async def test_a_closed_market_is_told_once(opens: Opens) -> None:
    """And no more while it is closed."""
    night = datetime.fromisoformat("2026-11-22T12:00:00+05:30")
    async with opens(night, calendar="indian", yahoo_stream_seconds=0.02) as sandbox, streaming(sandbox) as client:
        await client.send(subscribe=["^NSEI"])
        tick = await client.tick()
        sandbox.clock.shift(seconds=90)
        assert await client.silent()

    assert tick.market_hours == 2


async def test_two_sockets_do_not_take_ticks_from_each_other(sandbox: RunningSandbox) -> None:
    """A new subscriber hears at once, and the old one still hears of the trade in between."""
    async with streaming(sandbox) as first, streaming(sandbox) as second:
        await first.send(subscribe=["INFY.NS"])
        await first.tick()
        sandbox.clock.shift(seconds=5)
        await second.send(subscribe=["INFY.NS"])
        assert (await second.tick()).time == (await first.tick()).time


async def test_a_silent_stream_stays_open(sandbox: RunningSandbox) -> None:
    """Nothing comes any more; one that is opened later is sound; healing ends it."""
    async with streaming(sandbox) as client:
        await client.send(subscribe=["INFY.NS"])
        await client.tick()
        assert await sandbox.fault("yahoo_stream_silent") == 1
        sandbox.clock.shift(seconds=5)
        assert await client.silent()
        async with streaming(sandbox) as other:
            await other.send(subscribe=["INFY.NS"])
            await other.tick()

        sandbox.heal()
        sandbox.clock.shift(seconds=5)
        await client.tick()


async def test_a_stream_can_be_closed_in_good_order(sandbox: RunningSandbox) -> None:
    """Code 1000; the oldest socket when one is asked for."""
    async with streaming(sandbox) as first, streaming(sandbox) as second:
        await first.send(subscribe=["INFY.NS"])
        await second.send(subscribe=["INFY.NS"])
        await first.tick()
        assert await sandbox.fault("yahoo_stream_close", count=1) == 1
        with pytest.raises(ConnectionClosedOK) as caught:
            await first.drain()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1000
        await second.tick()


async def test_a_stream_can_be_lost(sandbox: RunningSandbox) -> None:
    """Without a word; the sandbox forgets the socket, and a new one works."""
    async with streaming(sandbox) as client:
        await client.send(subscribe=["INFY.NS"])
        await client.tick()
        assert await sandbox.fault("yahoo_stream_abort") == 1
        with pytest.raises(ConnectionClosedError):
            await client.drain()
    assert sandbox.parts.yahoo.stream.sockets() == ()
    async with streaming(sandbox) as again:
        await again.send(subscribe=["INFY.NS"])
        await again.tick()


@pytest.mark.parametrize(("kind", "status"), [("yahoo_down", 503), ("yahoo_429", 429)])
async def test_an_upgrade_can_be_refused(sandbox: RunningSandbox, kind: str, status: int) -> None:
    """As REST requests are."""
    await sandbox.fault(kind, count=1)
    with pytest.raises(InvalidStatus) as caught:
        async with streaming(sandbox):
            pass

    assert caught.value.response.status_code == status
    async with streaming(sandbox) as client:
        await client.send(subscribe=["INFY.NS"])
        await client.tick()


async def test_what_is_missing_or_delisted_is_not_told(sandbox: RunningSandbox) -> None:
    """No tick, whatever happens."""
    await sandbox.fault("yahoo_missing", instrument="INFY.NS")
    await sandbox.fault("yahoo_delisted", instrument="TCS.NS")
    async with streaming(sandbox) as client:
        await client.send(subscribe=["INFY.NS", "TCS.NS", "SBIN.NS"])
        assert (await client.tick()).id == "SBIN.NS"
        assert await client.silent()


async def test_sockets_show_in_the_statistics(sandbox: RunningSandbox) -> None:
    """How many symbols each carries."""
    async with streaming(sandbox) as client:
        await client.send(subscribe=["INFY.NS", "TCS.NS"])
        await client.ticks(2)
        [shown] = [
            {"subscribed": len(socket.symbols), "stalled": socket.stalled}
            for socket in sandbox.parts.yahoo.stream.sockets()
        ]

    assert shown == {"subscribed": 2, "stalled": False}


@pytest.fixture(scope="module")
def securities(market: SimulatedMarket) -> list[Security]:
    """One of each type."""
    directory = build_directory(market, WorldMarket(seed=1, always_open=True))
    return [directory[symbol] for symbol in ("M&M.NS", "NIFTYBEES.NS", "^NSEI", "INR=X", "CL=F", "BTC-USD")]


def a_reading(price: float, before: float, volume: int, seconds: int) -> Reading:
    """A security at an instant, UTC."""
    time = from_epoch(seconds)
    return Reading(price, before, price, before, before, volume, time, time, trading=True)


PRICES = st.floats(2**-4, 2**20, width=32)
READINGS = st.builds(a_reading, PRICES, PRICES, st.integers(0, 2**62), st.integers(0, 4_000_000_000))


@given(number=st.integers(0, 5), state=st.sampled_from(sorted(MARKET_HOURS)), reading=READINGS)
def test_yfinance_reads_back_what_is_written(
    securities: list[Security], number: int, state: str, reading: Reading
) -> None:
    """Whatever the numbers: every field that is written comes back, and no other is set."""
    security = securities[number]

    read = PricingData.FromString(pricing_data(security, reading, state))

    assert (read.id, read.price, read.time) == (security.symbol, reading.price, reading.time.timestamp() * 1000)
    assert (read.day_volume, read.price_hint) == (reading.volume, security.price_hint)
    assert read.change == pytest.approx(reading.change, rel=1e-6)
    assert read.change_percent == pytest.approx(reading.change_percent, rel=1e-6)
    assert (read.exchange, read.market_hours) == (security.venue.code, MARKET_HOURS[state])
    coin = security.quote_type == "CRYPTOCURRENCY"
    assert (read.currency, read.open_price) == (("USD", reading.open) if coin else ("", 0.0))
    written = {"id", "price", "time", "exchange", "quote_type", "market_hours", "change_percent", "day_volume",
               "change", "price_hint"}  # fmt: skip
    more = {"currency", "day_high", "day_low", "open_price"} if coin else set()
    assert {field.name for field, _ in read.ListFields()} <= written | more
