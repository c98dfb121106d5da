"""Option chains of the whole service: what they cost, and what they say; live ones are in test_chain_live."""

from pathlib import Path
from statistics import median
from typing import Any

import anyio
import pytest

from app.sandbox.pricing import Option
from tests.service.both import both_sources, codes
from tests.support.patience import PATIENCE
from tests.support.sandbox import RunningSandbox
from tests.support.service import RunningService

NIFTY = "NSE:NIFTY 50"
LEG = "{ instrument { id strike } quote { lastPrice openInterest } impliedVolatility delta gamma theta vega }"
CHAIN = f"""underlying {{ id }} spot forward forwardSource expiry expiries atTheMoneyStrike putCallRatio maxPain asOf
  missing {{ input reason }} rows {{ strike call {LEG} put {LEG} }}"""
ASK = f"""query ($of: ID! = "{NIFTY}", $expiry: Date, $strikes: Int! = 30) {{
  optionChain(underlying: $of, expiry: $expiry, strikesEachSide: $strikes) {{ {CHAIN} }} }}"""


async def chain(service: RunningService, **variables: Any) -> tuple[dict[str, Any], dict[str, int]]:
    """A chain, which must be without errors, and what it cost."""
    response = await service.ask(ASK, **variables)
    assert codes(response) == {}, response["errors"]
    return dict(response["data"]["optionChain"]), dict(response["extensions"]["cost"])


async def test_a_chain_is_two_calls_cold_and_none_when_it_is_streamed(tmp_path: Path) -> None:
    """Thirty strikes of the second expiry on each side, as far as they are listed, with all that follows."""
    async with both_sources(tmp_path) as (service, sandbox):
        expiry = (await chain(service, strikes=1))[0]["expiries"][1]
        sandbox.clock.shift(seconds=2)
        before = sandbox.count("quote")
        found, cost = await chain(service, expiry=expiry)
        assert cost["upstreamCalls"] == sandbox.count("quote") - before <= 2
        rows = found["rows"]
        strikes = [row["strike"] for row in rows]
        assert (found["missing"], found["expiry"]) == ([], expiry)
        listed = listed_strikes(sandbox, expiry)
        money = listed.index(min(listed, key=lambda strike: abs(strike - found["forward"])))
        assert found["atTheMoneyStrike"] == listed[money]
        assert strikes == listed[max(0, money - 30) : money + 31]
        is_consistent(found)
        are_the_sandboxes_own(found, sandbox)
        await until_streamed(service, sandbox, expiry)
        assert sandbox.count("yahoo_quote") == 0


def listed_strikes(sandbox: RunningSandbox, expiry: str) -> list[float]:
    """All of an expiry of NIFTY, the lowest first; where the money stands among them is the market's affair."""
    listed: Any = sandbox.parts.control._prices._market
    options = (each.instrument for each in listed.by_key.values() if each.instrument.underlying_id == NIFTY)
    return sorted({each.strike for each in options if each.strike and str(each.expiry) == expiry})


async def until_streamed(service: RunningService, sandbox: RunningSandbox, expiry: str) -> None:
    """Returns when a chain came from the stream as a whole, and then without a call.

    When the money moves by a strike, the one that comes into sight is asked for first.
    """
    with anyio.fail_after(PATIENCE):
        while True:
            before = sandbox.count("quote")
            sandbox.clock.shift(seconds=2)
            found, cost = await chain(service, expiry=expiry)
            if cost["fromStream"] > 2 * len(found["rows"]):
                break
            await anyio.sleep(0.1)
    assert (cost["upstreamCalls"], sandbox.count("quote")) == (0, before)


def is_consistent(found: dict[str, Any]) -> None:
    """Ratio and pain are those of the rows; greeks have their signs."""
    rows = found["rows"]
    interest = {side: [row[side]["quote"]["openInterest"] or 0 for row in rows] for side in ("call", "put")}
    assert found["putCallRatio"] == pytest.approx(sum(interest["put"]) / sum(interest["call"]))

    def paid(price: float) -> float:
        above = [max(0.0, price - row["strike"]) for row in rows]
        below = [max(0.0, row["strike"] - price) for row in rows]
        sides = (zip(interest["call"], above, strict=True), zip(interest["put"], below, strict=True))
        return sum(float(held * worth) for side in sides for held, worth in side)

    assert paid(found["maxPain"]) == min(paid(row["strike"]) for row in rows)
    for row in around_the_money(found, 10):
        assert 0 < row["call"]["delta"] < 1
        assert -1 < row["put"]["delta"] < 0
        for leg in (row["call"], row["put"]):
            assert min(leg["gamma"], leg["vega"]) > 0 > leg["theta"]


def are_the_sandboxes_own(found: dict[str, Any], sandbox: RunningSandbox) -> None:
    """Near the money the volatility is the deviation that the simulation priced with, over the forward."""
    market: Any = sandbox.parts.control._prices._market
    (money,) = around_the_money(found, 0)
    listed = market.by_key[money["call"]["instrument"]["id"]]
    pricing = market._processes[listed.instrument.instrument_token].pricing
    assert isinstance(pricing, Option)
    own = pricing.deviation * pricing.step.size / found["forward"]
    near = around_the_money(found, 2)
    volatilities = [row[side]["impliedVolatility"] for row in near for side in ("call", "put")]
    assert median(volatilities) == pytest.approx(own, rel=0.06)


def around_the_money(found: dict[str, Any], each_side: int) -> list[dict[str, Any]]:
    """So many rows on each side of the money, as far as they are shown."""
    at = [row["strike"] for row in found["rows"]].index(found["atTheMoneyStrike"])
    return list(found["rows"][max(0, at - each_side) : at + each_side + 1])


async def test_what_has_no_chain_says_why(tmp_path: Path) -> None:
    """Nothing listed, no such day, no such underlying, too many strikes; without a login nothing is made up."""
    async with both_sources(tmp_path, login=False) as (service, sandbox):
        refused: dict[str, dict[str, Any]] = {
            "NOT_SUPPORTED": {"of": "NSE:NIFTY MEDIA"},
            "INVALID_INPUT": {"expiry": "2026-11-22"},
            "UNKNOWN_INSTRUMENT": {"of": "NSE:NOSUCH"},
        }
        for code, variables in refused.items():
            assert codes(await service.ask(ASK, **variables)) == {"optionChain": code}
        for strikes in (0, 61):
            assert codes(await service.ask(ASK, strikes=strikes)) == {"optionChain": "INVALID_INPUT"}
        assert codes(await service.ask(ASK, of="YAHOO:^GSPC")) == {"optionChain": "NOT_SUPPORTED"}

        found, _ = await chain(service, strikes=2)
        assert sandbox.count("quote") == 0
        legs = [leg for row in found["rows"] for leg in (row["call"], row["put"])]
        assert len(legs) == 10
        assert {leg["quote"] for leg in legs} == {leg["delta"] for leg in legs} == {None}
        assert (found["putCallRatio"], found["maxPain"]) == (None, None)
        reasons = {each["input"]: each["reason"] for each in found["missing"]}
        assert all(reasons[leg["instrument"]["id"]].startswith("LOGIN_REQUIRED: ") for leg in legs)
