"""The ticker over real sockets: what it subscribes, what it delivers, and what it does when things break."""

from dataclasses import replace
from itertools import pairwise

import anyio
import pytest
import structlog
from anyio.abc import SocketAttribute

from app.domain.feeds import FeedState
from app.domain.quotes import StreamMode
from tests.kite_ticker.exchange import (
    QUICK,
    ScriptedExchange,
    Seat,
    instrument,
    refusing,
    running_ticker,
    token_of,
    until,
    wants,
)
from tests.kite_ticker.wire import frame, ltp_packet, simple_full


async def test_a_heartbeat_makes_the_feed_live_without_any_instrument() -> None:
    """The feed's state is known before anyone wants a price."""
    async with running_ticker() as stage:
        await until(lambda: stage.sink.state is FeedState.LIVE)
        assert stage.exchange.dials == ["secret-1"]
        assert stage.sink.interruptions == []


async def test_credentials_are_encoded_in_the_address() -> None:
    async with running_ticker(token="a&b=c") as stage:
        await until(lambda: stage.exchange.dials)
        assert stage.exchange.raw_queries == ["api_key=my+key%26&access_token=a%26b%3Dc"]


async def test_each_instrument_is_subscribed_in_its_mode() -> None:
    async with running_ticker() as stage:
        stage.source.want({**wants(1, mode=StreamMode.LTP), **wants(2, mode=StreamMode.QUOTE), **wants(3)})
        await until(lambda: stage.exchange.modes == {token_of(1): "ltp", token_of(2): "quote", token_of(3): "full"})


async def test_only_the_difference_is_sent() -> None:
    """A changed mode is one message about one token; who stays is left alone."""
    async with running_ticker() as stage:
        stage.source.want(wants(1, 2, 3))
        await until(lambda: len(stage.exchange.modes) == 3)
        stage.source.want({**wants(2), **wants(3, mode=StreamMode.LTP), **wants(4)})
        await until(lambda: stage.exchange.modes == {token_of(n): m for n, m in ((2, "full"), (3, "ltp"), (4, "full"))})
        assert stage.exchange.seats[0].messages[2:] == [("unsubscribe", 1), ("subscribe", 1), ("mode", 1), ("mode", 1)]


async def test_the_newest_packet_of_each_instrument_is_delivered() -> None:
    async with running_ticker() as stage:
        stage.source.want(wants(1, 2))
        await until(lambda: len(stage.exchange.modes) == 2)
        await stage.exchange.send(frame(*[simple_full(token_of(1), price) for price in range(100, 200)]))
        await stage.exchange.send(frame(simple_full(token_of(2), 5_000), simple_full(token_of(9), 1)))
        await until(lambda: len(stage.sink.quotes) == 2)
        assert {quote.id: quote.last_price for quote in stage.sink.quotes.values()} == {"NSE:S1": 1.99, "NSE:S2": 50.0}
        assert stage.source.packets == stage.source.counters.packets == 102


async def test_every_tick_arrives_in_order_through_a_burst() -> None:
    """20,000 packets of one instrument in 200 frames: none lost, none swapped, while another one is merged."""
    async with running_ticker() as stage:
        stage.source.want({**wants(1, every_tick=True), **wants(2)})
        await until(lambda: len(stage.exchange.modes) == 2)
        for start in range(1, 20_001, 100):
            burst = [simple_full(token_of(1), 100, volume=start + offset) for offset in range(100)]
            await stage.exchange.send(frame(*burst, simple_full(token_of(2), start)))
        await until(lambda: len(stage.sink.ticks["NSE:S1"]) == 20_000)
        assert [tick.volume for tick in stage.sink.ticks["NSE:S1"]] == list(range(1, 20_001))
        assert stage.sink.ticks.keys() == {"NSE:S1"}


async def test_3000_instruments_are_resubscribed_after_a_drop() -> None:
    """In chunks of at most 500, a socket full, as Kite allows."""
    numbers = range(1, 3_001)
    async with running_ticker() as stage:
        stage.source.want(wants(*numbers))
        await until(lambda: len(stage.exchange.modes) == 3_000)
        stage.exchange.drop()
        await until(lambda: not stage.exchange.seats)
        await until(lambda: list(stage.exchange.modes.values()) == ["full"] * 3_000)
        assert stage.exchange.seats[0].messages == [("subscribe", 500), ("mode", 500)] * 6
        assert stage.source.counters.redials == 1


async def test_what_exceeds_a_socket_goes_to_the_next_one() -> None:
    """No socket is opened before it is needed, nobody is moved, and an empty one is closed."""
    settings = replace(QUICK, instruments_per_socket=2)
    async with running_ticker(settings=settings) as stage:
        assert stage.source.capacity == 6
        stage.source.want(wants(1, 2))
        await until(lambda: len(stage.exchange.modes) == 2)
        stage.source.want(wants(1, 2, 3))
        await until(lambda: len(stage.exchange.modes) == 3)
        assert [sorted(seat.modes) for seat in stage.exchange.seats] == [[token_of(1), token_of(2)], [token_of(3)]]
        stage.source.want(wants(2, 3))
        await until(lambda: len(stage.exchange.modes) == 2)
        assert [list(seat.modes) for seat in stage.exchange.seats] == [[token_of(2)], [token_of(3)]]
        stage.source.want(wants(2))
        await until(lambda: len(stage.exchange.seats) == 1)
        assert stage.sink.states == [FeedState.CONNECTING, FeedState.LIVE]
        assert stage.sink.interruptions == []


async def test_a_drop_is_told_and_mended() -> None:
    """What had arrived is delivered before the break is told, and the subscriptions come back."""

    async def price(seat: Seat) -> None:
        await until(lambda: seat.modes)
        await seat.socket.send(frame(simple_full(token_of(1), 150)))

    async with running_ticker(prepare=lambda exchange: setattr(exchange, "greet", price)) as stage:
        stage.source.want(wants(1, every_tick=True))
        await until(lambda: stage.sink.quotes)
        stage.exchange.drop()
        await until(lambda: stage.sink.states == [FeedState.CONNECTING, FeedState.LIVE] * 2)
        await until(lambda: len(stage.sink.ticks["NSE:S1"]) == 2)
        assert stage.sink.interruptions == [{"NSE:S1"}]
        assert stage.sink.log.index("interrupted") == 2


async def test_a_break_of_one_socket_interrupts_only_its_instruments() -> None:
    async with running_ticker(settings=replace(QUICK, instruments_per_socket=1)) as stage:
        stage.source.want(wants(1, 2))
        await until(lambda: len(stage.exchange.modes) == 2)
        await until(lambda: stage.source.counters.frames > 4)
        next(seat for seat in stage.exchange.seats if token_of(2) in seat.modes).socket.transport.abort()
        await until(lambda: stage.sink.interruptions == [{"NSE:S2"}])
        await until(lambda: len(stage.exchange.modes) == 2)


async def test_a_silent_socket_is_stalled_and_replaced() -> None:
    """An open socket that says nothing is the failure that KiteTicker never notices."""
    async with running_ticker() as stage:
        stage.source.want(wants(1))
        await until(lambda: stage.sink.state is FeedState.LIVE)
        stage.exchange.silent = True
        await until(lambda: stage.sink.state is FeedState.STALLED)
        assert "no frame for 1.5 s" in str(stage.sink.messages[-1])
        stage.exchange.silent = False
        await until(lambda: stage.sink.state is FeedState.LIVE)
        await until(lambda: list(stage.exchange.modes) == [token_of(1)])


async def test_a_socket_that_never_speaks_is_never_live() -> None:
    async with running_ticker(prepare=lambda exchange: setattr(exchange, "silent", True)) as stage:
        await until(lambda: stage.sink.state is FeedState.STALLED)
        assert FeedState.LIVE not in stage.sink.states
        assert stage.sink.interruptions == []


async def test_silence_is_allowed_for_longer_while_the_market_is_closed() -> None:
    async with running_ticker(trading=lambda: False, settings=replace(QUICK, silence=0.1, silence_closed=600)) as stage:
        await until(lambda: stage.sink.state is FeedState.LIVE)
        stage.exchange.silent = True
        await anyio.sleep(0.5)
        assert stage.sink.state is FeedState.LIVE
        assert len(stage.exchange.dials) == 1


async def test_a_refused_token_parks_the_feed_until_there_is_another() -> None:
    """403: reported once, never tried again, and the next token takes over with every subscription."""
    async with running_ticker(prepare=refusing(403, "secret-1")) as stage:
        stage.source.want(wants(1))
        await until(lambda: stage.sink.state is FeedState.LOGIN_REQUIRED)
        assert stage.rejected == ["secret-1"]
        await anyio.sleep(0.3)
        assert stage.exchange.dials == ["secret-1"]
        stage.tokens.replace(None)
        await until(lambda: "log in again" in str(stage.sink.messages[-1]))
        stage.tokens.replace("secret-2")
        await until(lambda: stage.exchange.modes == {token_of(1): "full"})
        assert stage.exchange.dials == ["secret-1", "secret-2"]
        await until(lambda: stage.sink.state is FeedState.LIVE)


async def test_the_same_token_is_tried_again_after_a_new_login() -> None:
    """Kite may hand out the same token twice a day: a newer version is what counts."""
    async with running_ticker(prepare=refusing(403)) as stage:
        await until(lambda: stage.sink.state is FeedState.LOGIN_REQUIRED)
        stage.exchange.refuse = lambda _token: None
        stage.tokens.replace("secret-1")
        await until(lambda: stage.sink.state is FeedState.LIVE)


async def test_without_a_token_nothing_is_dialled() -> None:
    async with running_ticker(token=None) as stage:
        await until(lambda: stage.sink.state is FeedState.LOGIN_REQUIRED)
        assert stage.exchange.dials == []
        stage.tokens.replace("secret-1")
        await until(lambda: stage.sink.state is FeedState.LIVE)


async def test_a_session_that_is_being_dialled_asks_nobody_to_log_in() -> None:
    """From the login to the open socket the feed is CONNECTING, however long the line takes."""
    async with running_ticker(token=None) as stage:
        await until(lambda: stage.sink.state is FeedState.LOGIN_REQUIRED)
        stage.tokens.replace("secret-1")
        await until(lambda: stage.sink.state is FeedState.LIVE)
        assert stage.sink.states[-3:] == [FeedState.LOGIN_REQUIRED, FeedState.CONNECTING, FeedState.LIVE]


async def test_a_replaced_token_takes_over_without_losing_a_subscription() -> None:
    """All three sockets are re-dialled at once, never holding more than Kite allows."""
    async with running_ticker(settings=replace(QUICK, instruments_per_socket=2)) as stage:
        most = 0

        def limited(_token: str) -> int | None:
            nonlocal most
            most = max(most, len(stage.exchange.seats))
            return 429 if len(stage.exchange.seats) >= 3 else None

        stage.exchange.refuse = limited
        stage.source.want(wants(1, 2, 3, 4, 5, 6))
        await until(lambda: len(stage.exchange.modes) == 6)
        stage.tokens.replace("secret-2")
        await until(lambda: [seat.token for seat in stage.exchange.seats] == ["secret-2"] * 3)
        await until(lambda: len(stage.exchange.modes) == 6)
        assert FeedState.RATE_LIMITED not in stage.sink.states
        assert len(stage.exchange.dials) == 6
        assert most < 3


async def test_a_session_that_ends_closes_the_sockets() -> None:
    async with running_ticker() as stage:
        await until(lambda: stage.sink.state is FeedState.LIVE)
        stage.tokens.replace(None)
        await until(lambda: stage.sink.state is FeedState.LOGIN_REQUIRED and not stage.exchange.seats)


async def test_a_refused_socket_is_rate_limited_and_waits_long() -> None:
    """429 at the upgrade: another process holds the sockets."""
    async with running_ticker(prepare=refusing(429)) as stage:
        await until(lambda: stage.sink.state is FeedState.RATE_LIMITED)
        assert "another process holds them" in str(stage.sink.messages[-1])
        stage.exchange.refuse = lambda _token: None
        await until(lambda: stage.sink.state is FeedState.LIVE)
        first, second = stage.exchange.dialled_at[:2]
        assert second - first >= QUICK.refused_delay > QUICK.first_delay * 2


async def test_a_refused_socket_that_is_no_longer_wanted_is_forgotten() -> None:
    """The instruments that fit are live again at once, not after the long wait."""
    async with running_ticker(settings=replace(QUICK, instruments_per_socket=1, refused_delay=60.0)) as stage:
        await until(lambda: stage.sink.state is FeedState.LIVE)
        stage.exchange.refuse = lambda _token: 429
        stage.source.want(wants(1, 2))
        await until(lambda: stage.sink.state is FeedState.RATE_LIMITED)
        stage.source.want(wants(1))
        assert stage.sink.state is FeedState.LIVE


async def test_an_exchange_that_fails_again_and_again_is_down() -> None:
    """CONNECTING at first, DOWN after three failures, LIVE as soon as it answers."""
    async with running_ticker(prepare=refusing(502)) as stage:
        await until(lambda: stage.sink.state is FeedState.DOWN)
        assert len(stage.exchange.dials) == QUICK.down_after
        assert stage.sink.messages[-1] == "the ticker answered the upgrade with HTTP 502"
        stage.exchange.refuse = lambda _token: None
        await until(lambda: stage.sink.state is FeedState.LIVE)
        assert stage.sink.states == [FeedState.CONNECTING, FeedState.DOWN, FeedState.LIVE]


async def test_a_flapping_exchange_is_dialled_ever_more_slowly() -> None:
    """A socket that opens and dies at once is no recovery: the backoff goes on growing."""

    async def die(seat: Seat) -> None:
        seat.socket.transport.abort()

    async with running_ticker(prepare=lambda exchange: setattr(exchange, "greet", die)) as stage:
        await until(lambda: len(stage.exchange.dials) > 4)
        waits = [after - before for before, after in pairwise(stage.exchange.dialled_at)]
        assert all(wait >= least for wait, least in zip(waits, (0.05, 0.1, 0.2, 0.4), strict=False))


async def test_garbage_is_counted_and_the_rest_delivered() -> None:
    """Unknown lengths, cut frames, text of any kind: the socket stays and the next packet counts."""
    async with running_ticker() as stage:
        stage.source.want(wants(1))
        await until(lambda: stage.exchange.modes)
        with structlog.testing.capture_logs() as logs:
            for _ in range(2):
                await stage.exchange.send(frame(b"\x00" * 13, simple_full(token_of(1), 150)))
                await stage.exchange.send(frame(simple_full(token_of(1), 160))[:-3])
            for text in ("", "no json", "[]", '{"type":"order","data":{}}', "[" * 5_000, "null"):
                await stage.exchange.send(text)
            await stage.exchange.send('{"type":"error","data":"Invalid subscription"}')
            await stage.exchange.send(frame(ltp_packet(token_of(1), 170)))
            await until(lambda: stage.sink.quotes and stage.sink.quotes["NSE:S1"].last_price == 1.7)
        counters = stage.source.counters
        assert (counters.malformed, counters.unknown_lengths, counters.errors, counters.packets) == (2, 2, 1, 3)
        events = [log["event"] for log in logs]
        expected = ["ticker_packet_length_unknown", "ticker_frame_malformed", "ticker_error_message"]
        assert events == expected
        assert len(stage.exchange.dials) == 1


async def test_a_message_beyond_any_size_costs_the_socket_not_the_memory() -> None:
    async with running_ticker() as stage:
        await until(lambda: stage.sink.state is FeedState.LIVE)
        await stage.exchange.send(b"\x00" * (3 * 1024 * 1024))
        await until(lambda: stage.source.counters.redials == 1)
        await until(lambda: stage.sink.states == [FeedState.CONNECTING, FeedState.LIVE] * 2)


async def test_an_unexpected_failure_restarts_the_connection() -> None:
    """A bug in one frame costs that socket: logged once with its traceback, dialled again, all subscriptions back."""
    async with running_ticker() as stage:
        stage.source.want(wants(1))
        await until(lambda: stage.exchange.modes)
        stage.clock.cut = True
        with structlog.testing.capture_logs() as logs:
            await stage.exchange.send(frame(simple_full(token_of(1), 150)))
            await until(lambda: stage.source.counters.redials == 1)
        assert [log["event"] for log in logs if log.get("exc_info")] == ["ticker_connection_failed"]
        await until(lambda: list(stage.exchange.modes) == [token_of(1)])
        await until(lambda: stage.sink.state is FeedState.LIVE)


async def test_a_slow_upgrade_ends_in_time() -> None:
    """A listener that never answers is no reason to wait for ever."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.listeners[0].extra(SocketAttribute.local_port)  # noqa: S610 -- anyio's, not Django's

        def elsewhere(exchange: ScriptedExchange) -> None:
            exchange.url = f"ws://127.0.0.1:{port}"

        async with running_ticker(prepare=elsewhere, settings=replace(QUICK, open_timeout=0.1)) as stage:
            await until(lambda: stage.sink.state is FeedState.DOWN)
            assert stage.sink.messages[-1] == "the ticker did not answer within 0.1 s"


@pytest.mark.parametrize("refusal", [None, 403, 429, 502])
async def test_the_token_is_in_no_log_and_no_message(
    refusal: int | None, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(0)
    async with running_ticker(prepare=refusing(refusal)) as stage:
        await until(lambda: stage.exchange.dials)
        await anyio.sleep(0.1)
        stage.exchange.drop()
        await anyio.sleep(0.1)
        said = f"{stage.sink.messages} {capfd.readouterr()}"
    ours = [record.getMessage() for record in caplog.records if "server" not in record.name]
    assert "secret-1" not in f"{said} {ours}"


async def test_an_instrument_without_a_token_is_left_out() -> None:
    nameless = replace(instrument(1), instrument_token=None)
    async with running_ticker() as stage:
        wanted = wants(1, 2)
        stage.source.want({**wanted, "NSE:S1": replace(wanted["NSE:S1"], instrument=nameless)})
        await until(lambda: list(stage.exchange.modes) == [token_of(2)])
