"""Yahoo's benches: the real provider and its stream against the sandbox."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio import to_thread

from app.clock import SystemClock
from app.domain.errors import NotSupported
from app.domain.instruments import Instrument, InstrumentKind
from app.providers.budget import Allowance, SourceBudgets
from app.providers.yahoo.adapter import Yahoo, build_yahoo
from app.providers.yahoo.config import Patience, YahooConfig
from app.providers.yahoo.limits import MAX_SYMBOLS, Endpoint
from app.providers.yahoo.stream import YahooTicker
from app.providers.yahoo.stream_settings import StreamSettings
from app.providers.yahoo.symbols import to_yahoo_symbol
from app.sandbox.prices import Market
from app.streaming.feed import LiveFeed
from tests.conformance.rest_bench import Bench, sandbox_market
from tests.conformance.ticker_bench import TickerBench
from tests.support.sandbox import RunningSandbox, running_sandbox

LONG = Patience(connect=20.0, answer=20.0, first=60.0)
SHORT = Patience(connect=20.0, answer=1.0, first=0.0)
UNPACED = {endpoint.value: Allowance(1000, 5.0) for endpoint in Endpoint}
CLASSES = {"quote": "yahoo_quote", "historical": "yahoo_chart"}
PATHS = {"/quote": "/v7/finance/quote", "/instruments/historical": "/v8/finance/chart"}
STREAM_FAULTS = {"drop_socket": "yahoo_stream_abort", "stall_socket": "yahoo_stream_silent"}
QUICK = StreamSettings(silence=2.0, first_delay=0.2, longest_delay=0.4, refused_delay=0.2)


def known_to_yahoo(sandbox: RunningSandbox, market: Market) -> dict[str, Instrument]:
    """What the sandbox lists on both sides, one instrument a symbol."""
    found: dict[str, Instrument] = {}
    for row in market.listed:
        try:
            symbol = to_yahoo_symbol(row.instrument)
        except NotSupported:
            continue
        if sandbox.parts.yahoo.knows(symbol):
            found.setdefault(symbol, row.instrument)
    return {instrument.id: instrument for instrument in found.values()}


@asynccontextmanager
async def open_yahoo_bench(*, hurried: bool = False) -> AsyncIterator[Bench]:
    """Yahoo's provider with a crumb, at a sandbox without delays. `hurried`: it waits a second for an answer."""
    market = await to_thread.run_sync(sandbox_market)
    async with running_sandbox(market=market, rate_limits=None, yahoo_delay_seconds=0.0) as sandbox:
        config = YahooConfig(
            api_url=sandbox.url, stream_url=sandbox.yahoo_stream_url, patience=SHORT if hurried else LONG
        )
        clock = SystemClock()
        yahoo = build_yahoo(config, clock=clock, budgets=SourceBudgets(UNPACED, clock))
        listed = await to_thread.run_sync(known_to_yahoo, sandbox, market)
        await to_thread.run_sync(yahoo.client._open)
        await yahoo.quotes.quotes([listed["NSE:INFY"]])
        try:
            yield _bench(yahoo, sandbox, listed)
        finally:
            yahoo.close()


def _bench(yahoo: Yahoo, sandbox: RunningSandbox, listed: dict[str, Instrument]) -> Bench:
    before = {name: sandbox.count(own) for name, own in CLASSES.items()}

    async def fault(kind: str, *, path: str, **fields: Any) -> int:
        return await sandbox.fault(kind, path=PATHS[path], **fields)

    return Bench(
        quotes=yahoo.quotes,
        candles=yahoo.candles,
        listed=listed,
        share=listed["NSE:INFY"],
        ampersand=listed["NSE:M&M"],
        index=listed["NSE:NIFTY 50"],
        batch_limit=MAX_SYMBOLS,
        sent=lambda name: sandbox.count(CLASSES[name]) - before[name],
        fault=fault,
        attempts=1,
        has_depth=False,
    )


@asynccontextmanager
async def open_yahoo_ticker_bench() -> AsyncIterator[TickerBench]:
    """Yahoo's stream at a sandbox that looks at the market every 50 ms."""
    market = await to_thread.run_sync(sandbox_market)
    async with running_sandbox(
        market=market, rate_limits=None, yahoo_delay_seconds=0.0, yahoo_stream_seconds=0.05
    ) as sandbox:
        clock = SystemClock()
        config = YahooConfig(api_url=sandbox.url, stream_url=sandbox.yahoo_stream_url)
        source = YahooTicker(config, clock=clock, open_now=lambda: lambda _: True, settings=QUICK)
        feed = LiveFeed(source, clock=clock)
        listed = await to_thread.run_sync(known_to_yahoo, sandbox, market)
        never = next(row.instrument for row in market.listed if row.instrument.kind is InstrumentKind.OTHER)
        async with anyio.create_task_group() as group:
            group.start_soon(feed.run)
            yield _ticker_bench(feed, sandbox, listed, never)
            group.cancel_scope.cancel()


def _ticker_bench(
    feed: LiveFeed, sandbox: RunningSandbox, listed: dict[str, Instrument], never: Instrument
) -> TickerBench:
    sockets = sandbox.parts.yahoo.stream.sockets

    async def fault(kind: str) -> int:
        return await sandbox.fault(STREAM_FAULTS[kind])

    return TickerBench(
        feed=feed,
        listed=listed,
        share=listed["NSE:INFY"],
        index=listed["NSE:NIFTY 50"],
        never=never,
        fault=fault,
        open_sockets=lambda: len(sockets()),
        subscribed=lambda: sum(len(socket.symbols) for socket in sockets()),
        dials=lambda: sandbox.count("yahoo_stream"),
    )
