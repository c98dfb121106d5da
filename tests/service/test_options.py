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
    """Sixty-one strikes of the second expiry, with all that follows from their prices."""
    async with both_sources(tmp_path) as (service, sandbox):
        expiry = (await chain(service, strikes=1))[0]["expiries"][1]
        sandbox.clock.shift(seconds=2)
        before = sandbox.count("quote")
        found, cost = await chain(service, expiry=expiry)
        assert cost["upstreamCalls"] == sandbox.count("quote") - before <= 2
        rows = found["rows"]
        strikes = [row["strike"] for row in rows]
        assert (len(rows), found["missing"], found["expiry"]) == (61, [], expiry)
        assert strikes == sorted(set(strikes))
        assert (
            found["atTheMoneyStrike"] == min(strikes, key=lambda strike: abs(strike - found["forward"])) == strikes[30]
        )
        is_consistent(found)
        are_the_sandboxes_own(found, sandbox)

        with anyio.fail_after(PATIENCE):
            while (await chain(service, expiry=expiry))[1]["fromStream"] <= 122:
                sandbox.clock.shift(seconds=1)
                await anyio.sleep(0.1)
        before = sandbox.count("quote")
        sandbox.clock.shift(seconds=2)
        again, cost = await chain(service, expiry=expiry)
        assert (cost["upstreamCalls"], len(again["rows"]), sandbox.count("quote")) == (0, 61, before)
        assert sandbox.count("yahoo_quote") == 0


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
    for row in rows[20:41]:
        assert 0 < row["call"]["delta"] < 1
        assert -1 < row["put"]["delta"] < 0
        for leg in (row["call"], row["put"]):
            assert min(leg["gamma"], leg["vega"]) > 0 > leg["theta"]


def are_the_sandboxes_own(found: dict[str, Any], sandbox: RunningSandbox) -> None:
    """Near the money the volatility is the deviation that the simulation priced with, over the forward."""
    market: Any = sandbox.parts.control._prices._market
    listed = market.by_key[found["rows"][30]["call"]["instrument"]["id"]]
    pricing = market._processes[listed.instrument.instrument_token].pricing
    assert isinstance(pricing, Option)
    own = pricing.deviation * pricing.step.size / found["forward"]
    near = [row[side]["impliedVolatility"] for row in found["rows"][28:33] for side in ("call", "put")]
    assert median(near) == pytest.approx(own, rel=0.06)


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
