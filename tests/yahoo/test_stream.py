"""The stream over real sockets: what is wanted, what arrives, and each way that a socket may end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus

import anyio
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from app.clock import SystemClock
from app.domain.feeds import FeedState
from app.domain.instruments import Instrument
from app.domain.provenance import DataSource
from app.domain.quotes import StreamMode
from app.ports import Wanted
from app.providers.yahoo.config import YahooConfig
from app.providers.yahoo.intake import IsOpen
from app.providers.yahoo.silence import CHECKS
from app.providers.yahoo.stream import YahooTicker
from app.providers.yahoo.stream_settings import StreamSettings
from app.providers.yahoo.symbols import yahoo_instrument
from tests.support.patience import PATIENCE
from tests.support.ports import silent_port
from tests.yahoo.samples import FUTURE, INFY, NIFTY, RELIANCE
from tests.yahoo.streamer import Kept, Streamer, message, running_streamer

QUICK = StreamSettings(flush_interval=0.01, first_delay=0.02, longest_delay=0.05, refused_delay=0.05, close_timeout=0.2)


def always_open(_: Instrument) -> bool:
    """A calendar by which everything trades around the clock."""
    return True


@dataclass(frozen=True)
class Stage:
    """A ticker that runs against a streamer."""

    ticker: YahooTicker
    streamer: Streamer
    kept: Kept

    def want(self, *instruments: Instrument, every_tick: bool = False) -> None:
        """Want these in full."""
        self.ticker.want({one.id: Wanted(one, StreamMode.FULL, every_tick) for one in instruments})


@asynccontextmanager
async def playing(
    url: str, settings: StreamSettings, *, is_open: IsOpen = always_open
) -> AsyncIterator[tuple[YahooTicker, Kept]]:
    """A ticker that runs while the block does."""
    config = YahooConfig(api_url="http://127.0.0.1:9", stream_url=url)
    ticker = YahooTicker(config, clock=SystemClock(), open_now=lambda: is_open, settings=settings)
    kept = Kept()
    async with anyio.create_task_group() as group:
        group.start_soon(ticker.run, kept)
        yield ticker, kept
        group.cancel_scope.cancel()


@asynccontextmanager
async def staged(settings: StreamSettings = QUICK, *, is_open: IsOpen = always_open) -> AsyncIterator[Stage]:
    """The same against a streamer, once it is LIVE."""
    async with running_streamer() as streamer, playing(streamer.url, settings, is_open=is_open) as (ticker, kept):
        await kept.reach(FeedState.LIVE)
        yield Stage(ticker, streamer, kept)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """A ticker in its usual settings, quick."""
    async with staged() as running:
        yield running


async def test_what_is_wanted_arrives_labelled(stage: Stage):
    """Rounded, with Yahoo's own time, and never the label of the real one."""
    stage.want(INFY)
    await stage.streamer.asked(1)
    await stage.streamer.say(message("INFY.NS", 1523.4, day_volume=42))
    await stage.kept.until("quotes", 1)
    quote = stage.kept.quotes[0]
    assert (quote.id, quote.last_price, quote.volume, quote.mode) == (INFY.id, 1523.4, 42, StreamMode.FULL)
    assert quote.source is stage.ticker.source is DataSource.SANDBOX
    assert stage.ticker.packets == 1


async def test_only_the_difference_is_sent(stage: Stage):
    """Leavers first; what Yahoo does not have is left out."""
    stage.want(INFY, RELIANCE, FUTURE)
    await stage.streamer.asked(1)
    stage.want(INFY, NIFTY)
    await stage.streamer.asked(3)
    assert stage.streamer.commands == [
        {"subscribe": ["INFY.NS", "RELIANCE.NS"]},
        {"unsubscribe": ["RELIANCE.NS"]},
        {"subscribe": ["^NSEI"]},
    ]


async def test_two_ids_of_one_symbol_both_get_it(stage: Stage):
    """The index is NSE's and Yahoo's own."""
    stage.want(NIFTY, yahoo_instrument("^NSEI"))
    await stage.streamer.asked(1)
    await stage.streamer.say(message("^NSEI", 26000.05))
    await stage.kept.until("quotes", 2)
    assert {quote.id for quote in stage.kept.quotes} == {"NSE:NIFTY 50", "YAHOO:^NSEI"}


async def test_every_tick_arrives_in_order_and_the_newest_state_once(stage: Stage):
    """Also of one flush."""
    stage.want(INFY, every_tick=True)
    await stage.streamer.asked(1)
    for price in range(1, 21):
        await stage.streamer.say(message("INFY.NS", float(price), last_size=price))
    await stage.kept.until("ticks", 20)
    assert [(tick.last_price, tick.last_quantity) for tick in stage.kept.ticks] == [(float(n), n) for n in range(1, 21)]
    assert stage.kept.quotes[-1].last_price == 20.0


async def test_garbage_and_foreign_symbols_disturb_nothing(stage: Stage):
    """They are counted."""
    stage.want(INFY)
    await stage.streamer.asked(1)
    for text in ("garbage", "{}", '{"message": 3}', message("TCS.NS", 1.0), message("INFY.NS", 5.0, currency="USD")):
        await stage.streamer.say(text)
    await stage.streamer.say(message("INFY.NS", 7.0))
    await stage.kept.until("quotes", 1)
    assert {quote.last_price for quote in stage.kept.quotes} == {7.0}
    assert stage.ticker.counters.malformed >= 3


@pytest.mark.parametrize("code", [1000, 1001, 1011])
async def test_a_close_in_good_order_and_not_is_dialled_again(stage: Stage, code: int):
    """After the first yfinance's own client spins for ever, after the last it never comes back."""
    stage.want(INFY, RELIANCE)
    await stage.streamer.asked(1)
    await stage.streamer.sockets[0].close(code)
    await stage.streamer.asked(2)
    await stage.kept.reach(FeedState.LIVE)
    assert stage.streamer.commands[1] == {"subscribe": ["INFY.NS", "RELIANCE.NS"]}
    assert stage.kept.lost == [frozenset({INFY.id, RELIANCE.id})]
    await stage.streamer.say(message("INFY.NS", 8.0))
    await stage.kept.until("quotes", 1)


async def test_a_lost_line_is_dialled_again_and_again(stage: Stage):
    """Each time with all that is wanted."""
    stage.want(INFY)
    for number in range(1, 4):
        await stage.streamer.asked(number)
        stage.streamer.sockets[0].transport.abort()
    await stage.streamer.asked(4)
    assert (stage.streamer.dials, stage.ticker.counters.redials) == (4, 3)
    assert stage.streamer.commands == [{"subscribe": ["INFY.NS"]}] * 4


async def test_what_was_collected_before_a_break_is_forgotten(stage: Stage):
    """It may have changed meanwhile."""
    stage.want(INFY)
    await stage.streamer.asked(1)
    await stage.streamer.say(message("INFY.NS", 7.0, open_price=6.0))
    await stage.kept.until("quotes", 1)
    stage.streamer.sockets[0].transport.abort()
    await stage.streamer.asked(2)
    await stage.streamer.say(message("INFY.NS", 8.0))
    await stage.kept.until("quotes", 2)
    assert [quote.open for quote in stage.kept.quotes] == [6.0, None]


@pytest.mark.parametrize("trading", [True, None])
async def test_a_socket_that_says_nothing_where_something_may_trade_is_replaced(
    trading: bool | None,  # noqa: FBT001 -- a parameter of the table
):
    """STALLED is told, then LIVE again. Of exchanges abroad nobody here knows the hours."""
    async with staged(replace(QUICK, silence=0.05), is_open=lambda _: trading) as stage:
        stage.want(INFY)
        await stage.kept.until("lost", 1)
        await stage.streamer.asked(2)
        assert FeedState.STALLED in stage.kept.states
        await stage.kept.reach(FeedState.LIVE)


async def test_silence_out_of_session_is_normal():
    """Yahoo has no heartbeats. The same socket brings the price when it comes."""
    looks = 0

    def closed(_: Instrument) -> bool:
        nonlocal looks
        looks += 1
        return False

    async with staged(replace(QUICK, silence=0.05), is_open=closed) as stage:
        stage.want(INFY)
        await stage.streamer.asked(1)
        with anyio.fail_after(PATIENCE):
            while looks < 3 * CHECKS:  # noqa: ASYNC110 -- a count fires no event
                await anyio.sleep(0.005)
        assert stage.streamer.dials == 1


async def test_subscriptions_are_said_again_now_and_then():
    """Yahoo forgets them."""
    async with staged(replace(QUICK, resubscribe_interval=0.05)) as stage:
        stage.want(INFY)
        await stage.streamer.asked(3)
        assert stage.streamer.commands[:3] == [{"subscribe": ["INFY.NS"]}] * 3


async def test_beyond_the_capacity_nothing_is_subscribed():
    """And what is carried goes on."""
    async with staged(replace(QUICK, capacity=1)) as stage:
        assert stage.ticker.capacity == 1
        stage.want(INFY, RELIANCE)
        await stage.streamer.asked(1)
        assert stage.streamer.commands == [{"subscribe": ["INFY.NS"]}]


async def test_a_server_that_is_not_there_is_down_after_a_few_dials():
    """And is dialled on."""
    with silent_port() as port:
        async with playing(f"ws://127.0.0.1:{port}", QUICK) as (ticker, kept):
            await kept.reach(FeedState.DOWN)
            assert ticker.counters.redials >= 2


async def test_a_429_at_the_upgrade_is_rate_limited():
    """Asking again at once would not help."""

    def refuse(socket: ServerConnection, request: Request) -> Response:
        return socket.respond(HTTPStatus.TOO_MANY_REQUESTS, "Too Many Requests\n")

    async def never(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async with serve(never, "127.0.0.1", 0, process_request=refuse) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with playing(f"ws://127.0.0.1:{port}", QUICK) as (_, kept):
            await kept.reach(FeedState.RATE_LIMITED)


async def test_nothing_of_the_vendors_is_imported_before_something_is_wanted(stage: Stage):
    """70 MB are for who streams from Yahoo."""
    assert stage.ticker._intake.decode is None
    stage.want(INFY)
    await stage.streamer.asked(1)
    assert stage.ticker._intake.decode is not None
