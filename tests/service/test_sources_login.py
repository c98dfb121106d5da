"""Nobody is logged in to Kite: Yahoo's prices stand in, say so, and leave again."""

from pathlib import Path
from typing import Any

import anyio

from app.parts import Timing
from app.providers.kite.ticker_settings import TickerSettings
from tests.service.both import both_sources, codes, provider, quoted, until_state
from tests.service.sockets import Stream, subscribed
from tests.support.patience import PATIENCE
from tests.support.sandbox import RunningSandbox

LIVE = """subscription ($ids: [ID!]!) { quotes(ids: $ids, throttleMs: 0) { feed rejected { id code }
  quotes { id lastPrice source freshness fallbackReason exchangeTime } } }"""
WITHOUT_LOGIN = "KITE: LOGIN_REQUIRED"
INFY, WORLD = "NSE:INFY", "YAHOO:^GSPC"
QUICK = TickerSettings(first_delay=0.2, longest_delay=0.4, down_after=20, close_timeout=0.2)
FAST: dict[str, Any] = {"tick_seconds": 0.1, "yahoo_stream_seconds": 0.2}


async def until_price(stream: Stream, instrument_id: str, *, stood_in: bool, feed: str) -> dict[str, Any]:
    """The first price of an instrument in this state of the feed that is, or is not, stood in for."""
    with anyio.fail_after(PATIENCE):
        while True:
            update = await stream.data()
            for price in update["quotes"]:
                is_stand_in = price["fallbackReason"] is not None
                if (price["id"], is_stand_in, update["feed"]) == (instrument_id, stood_in, feed):
                    return dict(price)


async def test_without_a_login_prices_are_yahoos_and_say_why_until_somebody_logs_in(tmp_path: Path) -> None:
    """What Yahoo cannot have keeps Kite's error; after the login Kite answers, without a restart."""
    async with both_sources(tmp_path, login=False) as (service, sandbox):
        future = next(key for key in master_ids(sandbox) if key.startswith("NFO:NIFTY") and key.endswith("FUT"))
        ids = [INFY, future, WORLD]
        asked = "query ($ids: [ID!]!) { quotes(ids: $ids) { id freshness source fallbackReason } }"
        response = await service.ask(asked, ids=ids)
        infy, nothing, world = response["data"]["quotes"]
        assert (infy["freshness"], infy["source"]) == ("DELAYED", "SANDBOX")
        assert infy["fallbackReason"].startswith(WITHOUT_LOGIN)
        assert (world["freshness"], world["fallbackReason"]) == ("LIVE", None), "Yahoo is the first choice of its own"
        assert nothing is None
        assert codes(response) == {"quotes.1": "LOGIN_REQUIRED"}
        assert response["errors"][0]["extensions"]["loginUrl"].endswith("/auth/kite/login")
        assert (sandbox.count("quote"), sandbox.count("yahoo_quote")) == (0, 1), (
            "one call for both: nobody need wait for Kite"
        )
        assert (await provider(service, "KITE"))["state"] == "LOGIN_REQUIRED"
        circuits = (await provider(service, "KITE"))["breakers"]
        assert {circuit["state"] for circuit in circuits} == {"CLOSED"}, "that a person must log in is no outage"

        await service.log_in()
        sandbox.clock.shift(seconds=2)
        price = await quoted(service, INFY)
        assert (price["freshness"], price["fallbackReason"]) == ("LIVE", None)
        assert (await service.ask(asked, ids=[future]))["data"]["quotes"][0]["fallbackReason"] is None


async def test_a_live_subscription_goes_on_through_a_lost_login(tmp_path: Path) -> None:
    """With Yahoo's prices, labelled and DELAYED, while the feed says what is wrong; then with Kite's again."""
    async with both_sources(tmp_path, sandbox=FAST, timing=Timing(ticker=QUICK)) as (service, sandbox):
        async with subscribed(service, LIVE, ids=[INFY, WORLD]) as stream:
            kites = await until_price(stream, INFY, stood_in=False, feed="LIVE")
            assert kites["freshness"] == "LIVE"
            await sandbox.fault("dead_token")
            await sandbox.fault("drop_socket")
            await until_state(service, "KITE", "LOGIN_REQUIRED")
            for _ in range(2):
                price = await until_price(stream, INFY, stood_in=True, feed="LOGIN_REQUIRED")
                assert price["fallbackReason"].startswith(WITHOUT_LOGIN)
                assert (price["freshness"], price["source"]) == ("DELAYED", "SANDBOX")
                assert price["exchangeTime"] < kites["exchangeTime"]
            assert (await provider(service, "YAHOO"))["subscribedInstruments"] == 2

            await service.log_in()
            price = await until_price(stream, INFY, stood_in=False, feed="LIVE")
            assert price["freshness"] == "LIVE"
            update = [await stream.data() for _ in range(3)]
            reasons = {quote["fallbackReason"] for each in update for quote in each["quotes"]}
            assert reasons == {None}, "nothing of Yahoo's after Kite is back"
            assert (await provider(service, "YAHOO"))["subscribedInstruments"] == 1
        assert sandbox.count("quote") == 0
        assert sandbox.count("yahoo_stream") == 1


async def test_a_socket_that_drops_is_not_stood_in_for(tmp_path: Path) -> None:
    """It is back before anybody would have to."""
    async with both_sources(tmp_path, sandbox=FAST, timing=Timing(ticker=QUICK)) as (service, sandbox):
        async with subscribed(service, LIVE, ids=[INFY, WORLD]) as stream:
            await until_price(stream, INFY, stood_in=False, feed="LIVE")
            assert await sandbox.fault("drop_socket") == 1
            seen: list[dict[str, Any]] = []
            while not seen or seen[-1]["feed"] != "CONNECTING":
                seen.append(await stream.data())
            while not any(quote["id"] == INFY for quote in seen[-1]["quotes"]) or seen[-1]["feed"] != "LIVE":
                seen.append(await stream.data())
        assert {quote["fallbackReason"] for update in seen for quote in update["quotes"]} == {None}
        (socket,) = sandbox.parts.yahoo.stream.sockets()
        assert set(socket.symbols) == {"^GSPC"}
        assert sandbox.count("ticker") == 2


async def test_without_kite_at_all_yahoo_prices_what_it_has(tmp_path: Path) -> None:
    """No api key, and no instrument master: shares and indices are asked for by their symbols, and streamed."""
    no_master = {"kind": "http_error", "path": "/instruments"}
    async with both_sources(tmp_path, sandbox=FAST, fault=no_master, kite_api_key="", ready=False) as (
        service,
        sandbox,
    ):
        asked = "query ($ids: [ID!]!) { quotes(ids: $ids) { id lastPrice freshness fallbackReason } }"
        response = await service.ask(asked, ids=[INFY, "NSE:NIFTY 50", "NFO:NIFTY26DECFUT", "NSE:NOSUCH"])
        infy, nifty, future, nothing = response["data"]["quotes"]
        assert (infy["freshness"], nifty["freshness"]) == ("DELAYED", "DELAYED")
        assert infy["fallbackReason"].endswith("Kite is not configured: set KITE_API_KEY and KITE_API_SECRET")
        assert (future, nothing) == (None, None)
        assert codes(response) == {"quotes.2": "SOURCE_UNAVAILABLE", "quotes.3": "NOT_PRICED"}
        async with subscribed(service, LIVE, ids=[INFY]) as stream:
            price = await until_price(stream, INFY, stood_in=True, feed="DISABLED")
            price = await until_price(stream, INFY, stood_in=True, feed="DISABLED")
        assert price["freshness"] == "DELAYED"
        assert (await provider(service, "KITE"))["state"] == "DISABLED"
        assert {sandbox.count(kind) for kind in ("quote", "ticker", "session")} == {0}


def master_ids(sandbox: RunningSandbox) -> list[str]:
    """Every instrument of Kite's."""
    return [row.instrument.id for row in sandbox.parts.control._prices._market.listed]
