"""The whole sandbox with its real market: load, agreement of its parts, and the vendor's own ticker client."""

import sys
from collections.abc import AsyncIterator
from datetime import timedelta

import anyio
import pytest

from app.domain.time import to_ist
from tests.sandbox_server.vendor import open_socket, vendor_client
from tests.support.sandbox import RunningSandbox, plain_client, running_sandbox

VENDOR_TICKER = """
import sys
from kiteconnect import KiteTicker

ticker = KiteTicker("sandboxkey", sys.argv[2], root=sys.argv[1])

def on_connect(ws, response):
    ws.subscribe([256265, 408065])
    ws.set_mode(ws.MODE_FULL, [408065])

def on_ticks(ws, ticks):
    for tick in ticks:
        print(tick["instrument_token"], tick["mode"], tick["last_price"] > 0, flush=True)
        if tick["mode"] == "full":
            ws.stop()

ticker.on_connect = on_connect
ticker.on_ticks = on_ticks
ticker.connect()
"""
PATIENCE_SECONDS = 60
"""Twisted starts and 3,000 instruments are priced for the first time, on two shared cores."""


@pytest.fixture
async def sandbox() -> AsyncIterator[RunningSandbox]:
    """The real market, ticking as in production."""
    async with running_sandbox(rate_limits=None) as running:
        yield running


async def test_the_vendors_ticker_client_connects_and_gets_ticks(sandbox: RunningSandbox) -> None:
    """KiteTicker in a process of its own: quote packets on subscribing, a full one on asking."""
    token = await sandbox.login()

    with anyio.fail_after(PATIENCE_SECONDS):
        done = await anyio.run_process([sys.executable, "-W", "ignore", "-c", VENDOR_TICKER, sandbox.ticker_url, token])

    lines = done.stdout.decode().split("\n")
    assert {"256265 quote True", "408065 quote True", "408065 full True"} <= set(lines)


async def test_a_full_socket_is_fed_and_the_rest_goes_on(sandbox: RunningSandbox) -> None:
    """Every instrument's first packet arrives, ticks follow in order of rounds, and REST answers meanwhile."""
    tokens = [row["instrument_token"] for row in await (await vendor_client(sandbox)).call("instruments")][:3_000]
    async with open_socket(sandbox, await sandbox.login()) as client, plain_client() as browser:
        with anyio.fail_after(PATIENCE_SECONDS):
            await client.send("subscribe", tokens)
            await client.send("mode", ["full", tokens])
            seen: set[int] = set()
            while len(seen) < 0.95 * len(tokens):
                seen |= {tick["instrument_token"] for tick in await client.ticks() if tick["mode"] in {"full", "ltp"}}
            for _ in range(20):
                assert (await browser.get(sandbox.url)).status_code == 200
            ticks = await client.ticks(len(tokens))

    assert len(tokens) > 2_000
    assert len({tick["instrument_token"] for tick in ticks}) > 0.5 * len(tokens)


async def test_the_last_candle_the_quote_and_the_tick_agree(sandbox: RunningSandbox) -> None:
    """Prices move twice a second, so the tick's price lies in the bar of its minute, and the day's open is one."""
    client = await vendor_client(sandbox)
    async with open_socket(sandbox, await sandbox.login()) as socket:
        await socket.send("subscribe", [408065])
        tick = (await socket.ticks())[0]
    quote = (await client.call("quote", "NSE:INFY"))["NSE:INFY"]
    now = to_ist(sandbox.clock.now()).replace(tzinfo=None)
    minutes = await client.call("historical_data", 408065, now - timedelta(minutes=3), now, "minute")
    day = (await client.call("historical_data", 408065, now.date(), now.date(), "day"))[0]

    assert any(bar["low"] <= tick["last_price"] <= bar["high"] for bar in minutes[-2:])
    assert minutes[-1]["date"].replace(tzinfo=None) + timedelta(minutes=1) > now - timedelta(seconds=2)
    assert day["open"] == quote["ohlc"]["open"] == tick["ohlc"]["open"]
    assert day["high"] >= quote["ohlc"]["high"] >= tick["ohlc"]["high"]
