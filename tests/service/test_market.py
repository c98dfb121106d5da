"""The market's context of the whole service: what it costs, what it says, and what it says is missing."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from app.parts import Timing
from app.providers.kite.ticker_settings import TickerSettings
from tests.service.both import both_sources, codes
from tests.service.sockets import Stream, subscribed
from tests.support.clock import MONDAY_MORNING
from tests.support.patience import PATIENCE
from tests.support.sandbox import RunningSandbox
from tests.support.service import RunningService

PRICED = "instrument { id } quote { lastPrice changePercent freshness source fallbackReason }"
CONTEXT = f"""asOf phase {{ phase }} confidence missing {{ input reason }}
  regime {{ trend score evidence {{ name value weight contribution }} }}
  volatility {{ value percentile level impliedDailyMovePercent index {{ id }} }}
  breadth {{ advances declines unchanged unpriced constituentsAsOf percentAdvancing }}
  movers(top: 3) {{ gainers {{ id changePercent }} losers {{ id changePercent }} mostActive {{ id volume }} }}
  indices {{ {PRICED} }} sectors {{ name rank relativeStrength5d relativeStrength22d {PRICED} }}
  global {{ {PRICED} }} currencies {{ {PRICED} }} commodities {{ {PRICED} }}"""
ASK = f"{{ marketContext {{ {CONTEXT} }} }}"
STALE_LIST = "NSE:NIFTY 50 members"
REDIALS = TickerSettings(first_delay=0.2, longest_delay=0.4, down_after=20, close_timeout=0.2)
QUICK: dict[str, Any] = {"tick_seconds": 0.2, "yahoo_stream_seconds": 0.3}


def calls(sandbox: RunningSandbox) -> tuple[int, int]:
    """Quote calls that Kite and Yahoo got."""
    return sandbox.count("quote"), sandbox.count("yahoo_quote")


def missing(context: Mapping[str, Any]) -> dict[str, str]:
    """The reason of each input that is not there."""
    return {each["input"]: each["reason"] for each in context["missing"]}


async def until_whole(service: RunningService, sandbox: RunningSandbox) -> dict[str, Any]:
    """The first context that lacks nothing but a young list, and that cost nothing."""
    with anyio.fail_after(PATIENCE):
        while True:
            sandbox.clock.shift(seconds=1)
            response = await service.ask(ASK)
            context, cost = response["data"]["marketContext"], response["extensions"]["cost"]
            if missing(context).keys() == {STALE_LIST} and cost["upstreamCalls"] == 0:
                return dict(context)
            await anyio.sleep(0.05)


async def test_a_cold_context_is_one_call_of_each_source_and_a_warm_one_none(tmp_path: Path) -> None:
    """Fifty members, fourteen sectors, twenty world symbols; then everything comes from the streams."""
    async with both_sources(tmp_path, sandbox={**QUICK, "at": MONDAY_MORNING}, timing=Timing(ticker=REDIALS)) as (
        service,
        sandbox,
    ):
        assert calls(sandbox) == (0, 0)
        cold, same = await asyncio.gather(service.ask(ASK), service.ask(ASK))
        assert codes(cold) == codes(same) == {}
        assert calls(sandbox) == (1, 1)
        session = sandbox.count("yahoo_cookie") + sandbox.count("yahoo_crumb")
        spent = [each["extensions"]["cost"]["upstreamCalls"] for each in (cold, same)]
        assert max(spent) == 2 + session, "the first of Yahoo's needs a crumb"
        assert cold["data"] == same["data"], "one a second for all"

        context = await until_whole(service, sandbox)
        before = calls(sandbox)
        async with subscribed(service, f"subscription {{ marketContext(throttleMs: 0) {{ {CONTEXT} }} }}") as stream:
            first = await stream.data()
            live = await until_live_and_whole(stream)
            assert calls(sandbox) == before, "nobody is asked while the streams are up"
            await goes_on_without_kite(service, sandbox, stream)
        assert first["asOf"] < live["asOf"]
        is_whole(live)
        assert missing(context)[STALE_LIST] == (
            "STALE_LIST: the list is of 2026-03-30, older than 7 months: import a newer one"
        )
        await what_else_may_be_asked(service)


async def until_live_and_whole(stream: Stream) -> dict[str, Any]:
    """The next one that lacks nothing but a young list: after midnight in India shares have no trade of the day yet."""
    with anyio.fail_after(PATIENCE):
        while True:
            context = await stream.data()
            if missing(context).keys() == {STALE_LIST}:
                return dict(context)


def is_whole(context: Mapping[str, Any]) -> None:
    """Every part is there, labelled, and agrees with its evidence."""
    assert (context["confidence"], context["phase"]) == (0.75, {"phase": "OPEN"}), "the list that ships is old"
    evidence = context["regime"]["evidence"]
    assert len(evidence) == 4
    assert sum(each["weight"] for each in evidence) == pytest.approx(1.0)
    assert sum(each["contribution"] for each in evidence) == pytest.approx(context["regime"]["score"])
    volatility = context["volatility"]
    assert volatility["index"]["id"] == "NSE:INDIA VIX"
    assert volatility["impliedDailyMovePercent"] == pytest.approx(volatility["value"] / 252**0.5)
    breadth = context["breadth"]
    assert breadth["advances"] + breadth["declines"] + breadth["unchanged"] + breadth["unpriced"] == 50
    assert breadth["unpriced"] == 0
    assert breadth["constituentsAsOf"] == "2026-03-30"
    moves = {part: context[part] for part in ("indices", "sectors", "global", "currencies", "commodities")}
    assert [len(part) for part in moves.values()] == [6, 14, 9, 5, 6]
    quotes = [move["quote"] for part in moves.values() for move in part]
    assert {quote["source"] for quote in quotes} == {"SANDBOX"}
    assert {quote["fallbackReason"] for quote in quotes} == {None}
    changes = [sector["quote"]["changePercent"] for sector in context["sectors"]]
    assert changes == sorted(changes, reverse=True)
    assert None not in [sector["relativeStrength22d"] for sector in context["sectors"]]
    losers = [quote["changePercent"] for quote in context["movers"]["losers"]]
    assert losers == sorted(losers)


async def what_else_may_be_asked(service: RunningService) -> None:
    """An index without a list, one that there is not, too many movers: each says what is wrong."""
    response = await service.ask(
        """{ marketContext { asOf none: breadth(index: "NSE:NIFTY MEDIA") { advances }
        nothing: breadth(index: "NSE:NIFTY NONSENSE") { advances } movers(top: 51) { gainers { id } } } }"""
    )
    assert codes(response) == {
        "marketContext.none": "NOT_SUPPORTED",
        "marketContext.nothing": "UNKNOWN_INSTRUMENT",
        "marketContext.movers": "INVALID_INPUT",
    }
    messages = {error["path"][-1]: error["message"] for error in response["errors"]}
    assert "kite-services indices import" in messages["none"]
    assert response["data"]["marketContext"]["asOf"]


async def test_nothing_is_made_up_and_what_one_source_has_is_shown(tmp_path: Path) -> None:
    """Without any source all is null or empty, and named as missing; with Yahoo alone its prices, DELAYED, say why."""
    async with both_sources(tmp_path, login=False) as (service, sandbox):
        await sandbox.fault("yahoo_down")
        response = await service.ask(ASK)
        assert codes(response) == {}
        is_empty(response["data"]["marketContext"])

        sandbox.heal()
        sandbox.clock.shift(seconds=2)
        before = calls(sandbox)
        response = await service.ask(ASK)
        assert codes(response) == {}
        context = response["data"]["marketContext"]
        assert calls(sandbox) == (0, before[1] + 1), "one call for ninety prices; Kite is not asked in vain"
        quotes = [move["quote"] for move in (*context["indices"], *context["sectors"])]
        assert len(quotes) > 15
        assert {quote["freshness"] for quote in quotes} == {"DELAYED"}
        assert all(quote["fallbackReason"].startswith("KITE: LOGIN_REQUIRED") for quote in quotes)
        assert {move["quote"]["fallbackReason"] for move in context["global"]} == {None}
        assert context["breadth"]["unpriced"] == 0
        fresh = {"day move": 0.3, "distance from averages": 0.25, "breadth": 0.0, "slope": 0.2}
        evidence = [each["name"] for each in context["regime"]["evidence"]]
        assert "breadth" in evidence
        assert context["confidence"] == pytest.approx(sum(fresh[name] for name in evidence)), "of an old list"
        unknown = {key for key in missing(context) if not key.endswith((" day bars", " members"))}
        assert unknown <= {"NSE:NIFTY CONSR DURBL"}, "an index that Yahoo has no symbol of"


def is_empty(context: Mapping[str, Any]) -> None:
    """Not one number; each input is missing for the reason of the source that should have it."""
    assert (context["regime"], context["volatility"], context["confidence"]) == (None, None, 0.0)
    assert [context[part] for part in ("indices", "sectors", "global", "currencies", "commodities")] == [[]] * 5
    assert (context["breadth"], context["movers"]) == (None, None)
    reasons = missing(context)
    assert reasons["YAHOO:^GSPC"].startswith("SOURCE_UNAVAILABLE: ")
    assert reasons["NSE:INFY"].startswith("LOGIN_REQUIRED: ")
    assert reasons["NSE:NIFTY 50 day bars"].startswith(("LOGIN_REQUIRED: ", "NOT_FETCHED: "))
    assert len(reasons) >= 90


async def goes_on_without_kite(service: RunningService, sandbox: RunningSandbox, stream: Stream) -> None:
    """A live context shows Yahoo's prices while nobody is logged in, and Kite's again after the login."""
    await sandbox.fault("dead_token")
    await sandbox.fault("drop_socket")
    assert (await until_reasons(stream, stood_in=True))[0]["freshness"] == "DELAYED"
    await service.log_in()
    assert (await until_reasons(stream, stood_in=False))[0]["freshness"] == "LIVE"


async def until_reasons(stream: Stream, *, stood_in: bool) -> list[dict[str, Any]]:
    """The indices of the first context in which all are stood in for, or none."""
    with anyio.fail_after(PATIENCE):
        while True:
            quotes = [index["quote"] for index in (await stream.data())["indices"]]
            if quotes and {quote["fallbackReason"] is not None for quote in quotes} == {stood_in}:
                return quotes


async def test_a_gap_in_the_history_of_an_index_is_told(tmp_path: Path) -> None:
    """Kite has given bars of long ago and of these days, and fails before the others: no figure spans the gap."""
    async with both_sources(tmp_path) as (service, sandbox):
        now = sandbox.clock.now()
        for first, last in ((100, 20), (4, 0)):
            response = await service.ask(
                'query ($a: DateTime, $b: DateTime) { candles(id: "NSE:NIFTY 50", interval: DAY, from: $a, to: $b) '
                "{ count } }",
                a=(now - timedelta(days=first)).isoformat(),
                b=(now - timedelta(days=last)).isoformat(),
            )
            assert response["data"]["candles"]["count"] >= 3
        await sandbox.fault("http_error", path="/instruments/historical", status=503)
        context = (await service.ask(ASK))["data"]["marketContext"]
        assert {each["name"] for each in context["regime"]["evidence"]} <= {"breadth"}
        assert missing(context)["NSE:NIFTY 50 day bars"].startswith(("SOURCE_UNAVAILABLE: ", "NOT_FETCHED: "))
        assert {sector["relativeStrength5d"] for sector in context["sectors"]} == {None}
