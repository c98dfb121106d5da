"""A source that is down or slow: the other answers, a circuit opens, and what is asked in vain costs no call."""

from pathlib import Path
from typing import Any

import anyio

from app.providers.breaker import FIRST_PAUSE
from tests.service.both import both_sources, breaker, codes, quoted
from tests.service.sockets import Stream, subscribed
from tests.support.patience import PATIENCE
from tests.support.sandbox import RunningSandbox
from tests.support.service import RunningService

INFY, WORLD = "NSE:INFY", "YAHOO:^GSPC"
ASK_WORLD = f'{{ quote(id: "{WORLD}") {{ lastPrice }} }}'
CIRCUITS = "subscription { providers { name breakers { capability state problem } } }"
SECOND = {"seconds": 1.1}
"""The budget of each class allows one request a second."""


async def until_circuit(stream: Stream, state: str, *, name: str, capability: str) -> dict[str, Any]:
    """The first message in which a circuit is in this state."""
    while True:
        for source in await stream.data():
            for circuit in source["breakers"]:
                if (source["name"], circuit["capability"], circuit["state"]) == (name, capability, state):
                    return dict(circuit)


async def test_an_outage_of_yahoo_opens_its_circuit_and_then_costs_no_call(tmp_path: Path) -> None:
    """After three failures nothing is sent; after the pause one call looks, and closes it when Yahoo is back."""
    async with both_sources(tmp_path) as (service, sandbox):
        await quoted(service, INFY)
        sandbox.clock.freeze()  # only shifts move it: a pause of 5 s is not over sooner on a slow machine
        async with subscribed(service, CIRCUITS) as stream:
            await until_circuit(stream, "CLOSED", name="YAHOO", capability="quotes")
            await sandbox.fault("yahoo_down", path="/v7")
            for failures in (1, 2, 3):
                sandbox.clock.shift(**SECOND)
                assert codes(await service.ask(ASK_WORLD)) == {"quote": "SOURCE_UNAVAILABLE"}
                assert (await breaker(service, "YAHOO", "quotes"))["failures"] == failures
            pushed = await until_circuit(stream, "OPEN", name="YAHOO", capability="quotes")
            assert pushed["problem"].startswith("SOURCE_UNAVAILABLE: ")
            shown = await breaker(service, "YAHOO", "quotes")
            assert shown["state"] == "OPEN"
            assert shown["retryInMs"] == FIRST_PAUSE * 1000

            await nothing_is_sent(service, sandbox)
            await one_call_looks(service, sandbox)
            sandbox.heal()
            sandbox.clock.shift(seconds=2 * FIRST_PAUSE)
            assert (await quoted(service, WORLD))["lastPrice"] > 0
            await until_circuit(stream, "CLOSED", name="YAHOO", capability="quotes")
            shown = await breaker(service, "YAHOO", "quotes")
            assert (shown["failures"], shown["problem"], shown["retryInMs"]) == (0, None, 0)


async def nothing_is_sent(service: RunningService, sandbox: RunningSandbox) -> None:
    """While the circuit is open, whoever asks; Kite and the other capabilities are none of its business."""
    asked = sandbox.count("yahoo_quote")
    refused = await service.ask(ASK_WORLD)
    assert codes(refused) == {"quote": "SOURCE_UNAVAILABLE"}
    assert refused["extensions"]["cost"]["upstreamCalls"] == 0
    await service.ask(ASK_WORLD)
    assert sandbox.count("yahoo_quote") == asked
    assert (await quoted(service, INFY))["fallbackReason"] is None
    assert (await breaker(service, "YAHOO", "candles"))["state"] == "CLOSED"


async def one_call_looks(service: RunningService, sandbox: RunningSandbox) -> None:
    """After the pause; it fails, and the next pause is longer."""
    asked = sandbox.count("yahoo_quote")
    sandbox.clock.shift(seconds=FIRST_PAUSE)
    assert codes(await service.ask(ASK_WORLD)) == {"quote": "SOURCE_UNAVAILABLE"}
    assert sandbox.count("yahoo_quote") > asked
    shown = await breaker(service, "YAHOO", "quotes")
    assert shown["state"] == "OPEN"
    assert shown["retryInMs"] == 2 * FIRST_PAUSE * 1000


async def test_an_outage_of_kite_is_yahoos_turn(tmp_path: Path) -> None:
    """Labelled with Kite's failure; what Yahoo has not keeps Kite's error, also when Kite is not asked any more."""
    async with both_sources(tmp_path) as (service, sandbox):
        ids = [row.instrument.id for row in sandbox.parts.control._prices._market.listed]
        future = next(key for key in ids if key.startswith("NFO:NIFTY") and key.endswith("FUT"))
        asked = "query ($ids: [ID!]!) { quotes(ids: $ids, maxAgeMs: 0) { id freshness fallbackReason } }"
        sandbox.clock.freeze()
        await sandbox.fault("http_error", path="/quote", status=503)
        for share in ("NSE:TCS", "NSE:WIPRO", "NSE:SBIN"):  # Kite's stream is up: it soon has what was asked for once
            sandbox.clock.shift(**SECOND)
            response = await service.ask(asked, ids=[share, future])
            infy, nothing = response["data"]["quotes"]
            assert infy["freshness"] == "DELAYED"
            assert infy["fallbackReason"].startswith("KITE: SOURCE_UNAVAILABLE: ")
            assert nothing is None
            assert codes(response) == {"quotes.1": "SOURCE_UNAVAILABLE"}
        assert (await breaker(service, "KITE", "quotes"))["state"] == "OPEN"
        calls = sandbox.count("quote")
        sandbox.clock.shift(**SECOND)
        response = await service.ask(asked, ids=[INFY, future])
        assert response["data"]["quotes"][0]["fallbackReason"].startswith("KITE: SOURCE_UNAVAILABLE: ")
        assert codes(response) == {"quotes.1": "SOURCE_UNAVAILABLE"}
        assert sandbox.count("quote") == calls

        sandbox.heal()
        sandbox.clock.shift(seconds=FIRST_PAUSE)
        infy, priced = (await service.ask(asked, ids=[INFY, future]))["data"]["quotes"]
        assert (infy["fallbackReason"], priced["fallbackReason"]) == (None, None)
        assert (await breaker(service, "KITE", "quotes"))["state"] == "CLOSED"


async def test_a_slow_kite_gives_way_within_the_deadline(tmp_path: Path) -> None:
    """Nobody waits for eight seconds and gets nothing, while another source has the price."""
    async with both_sources(tmp_path) as (service, sandbox):
        await quoted(service, WORLD)  # Yahoo's library is there: its import takes long where much else is going on
        await sandbox.fault("latency", path="/quote", seconds=7.5)
        sandbox.clock.shift(**SECOND)
        price = await quoted(service, INFY)
        assert price["fallbackReason"] == "KITE: SOURCE_TIMEOUT: KITE did not answer within 3 s", "not its own limit"
        assert price["freshness"] == "DELAYED"


async def test_who_asks_for_what_only_yahoo_has_does_not_wait_for_kite(tmp_path: Path) -> None:
    """Kite hangs over a share; the world index of another operation is answered meanwhile."""
    async with both_sources(tmp_path) as (service, sandbox):
        await quoted(service, "YAHOO:^DJI")
        await sandbox.fault("latency", path="/quote", seconds=7.5)
        sandbox.clock.shift(**SECOND)
        finished: list[str] = []

        async def ask(key: str) -> None:
            await quoted(service, key)
            finished.append(key)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, INFY)
            tasks.start_soon(ask, WORLD)
        assert finished == [WORLD, INFY]


async def test_without_a_login_both_share_one_call_of_yahoos(tmp_path: Path) -> None:
    """Kite refuses at once, so nothing is won by asking for the two apart."""
    async with both_sources(tmp_path, login=False) as (service, sandbox):
        await quoted(service, "NSE:TCS")
        sandbox.clock.shift(**SECOND)
        calls = sandbox.count("yahoo_quote")
        asked = "query ($ids: [ID!]!) { quotes(ids: $ids, maxAgeMs: 0) { id lastPrice fallbackReason } }"
        share, world = (await service.ask(asked, ids=[INFY, WORLD]))["data"]["quotes"]
        assert share["fallbackReason"].startswith("KITE: LOGIN_REQUIRED: ")
        assert world["fallbackReason"] is None
        assert sandbox.count("yahoo_quote") == calls + 1


async def test_what_yahoo_does_to_its_callers_has_an_answer_each(tmp_path: Path) -> None:
    """A crumb that is stale is renewed; a page instead of an answer and a 429 are errors with a code."""
    async with both_sources(tmp_path) as (service, sandbox):
        await quoted(service, WORLD)
        crumbs = sandbox.count("yahoo_crumb")
        assert await sandbox.fault("yahoo_stale_crumb") > 0
        sandbox.clock.shift(**SECOND)
        asked = f'{{ quote(id: "{WORLD}", source: YAHOO) {{ lastPrice }} }}'
        assert codes(await service.ask(asked)) == {}
        assert sandbox.count("yahoo_crumb") > crumbs
        for kind, code in (("yahoo_html", "SOURCE_UNAVAILABLE"), ("yahoo_429", "RATE_LIMITED")):
            await sandbox.fault(kind, path="/v7")
            sandbox.clock.shift(seconds=2)
            response = await service.ask(asked)
            assert codes(response) == {"quote": code}
            assert response["extensions"]["cost"]["upstreamCalls"] > 0, "it was sent, and answered"
            assert "<" not in response["errors"][0]["message"], "nothing of an upstream body"
            sandbox.heal()
        assert response["errors"][0]["extensions"]["retryAfterMs"] > 0


async def test_a_stream_of_yahoos_that_falls_silent_serves_no_frozen_price(tmp_path: Path) -> None:
    """Its socket is open and its state LIVE; a price of minutes ago is asked for anew all the same."""
    asked = f'{{ quote(id: "{WORLD}") {{ lastPrice receivedAt freshness ageMs }} }}'
    async with both_sources(tmp_path) as (service, sandbox):
        with anyio.fail_after(PATIENCE):
            while (streamed := await service.ask(asked))["extensions"]["cost"]["fromStream"] == 0:  # noqa: ASYNC110 - seen from outside
                await anyio.sleep(0.02)
        assert await sandbox.fault("yahoo_stream_silent") == 1
        sandbox.clock.shift(seconds=160)
        answer = await service.ask(asked)
        assert (answer["extensions"]["cost"]["fromStream"], codes(answer)) == (0, {})
        assert answer["data"]["quote"]["ageMs"] < 160_000
        assert answer["data"]["quote"]["receivedAt"] > streamed["data"]["quote"]["receivedAt"]
