"""Bars of two sources: each from the first that can, labelled, kept apart, and never asked for twice."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from app.clock import SystemClock
from app.domain.time import ist_date, ist_datetime
from tests.service.both import both_sources, codes
from tests.support.sandbox import RunningSandbox
from tests.support.service import RunningService

INFY, WORLD = "NSE:INFY", "YAHOO:^GSPC"
BARS = """query ($id: ID!, $interval: Interval!, $from: DateTime!, $to: DateTime!) {
  candles(id: $id, interval: $interval, from: $from, to: $to) { count fallbackReason problem upstreamCalls
    sources { source candles } candles { time open high low close volume } } }"""
TODAY = ist_date(SystemClock().now())


def days_ago(count: int, hour: int = 0) -> str:
    """An hour of a day, as GraphQL has it: Yahoo's minutes reach back 60 days from the present."""
    return ist_datetime(TODAY - timedelta(days=count), hour).isoformat()


DAYS: dict[str, Any] = {"interval": "DAY", "from": days_ago(50), "to": days_ago(20)}
MINUTES: dict[str, Any] = {"interval": "MINUTE_5", "from": days_ago(10, 9), "to": days_ago(10, 16)}


async def bars(service: RunningService, instrument_id: str, span: dict[str, Any]) -> dict[str, Any]:
    """The series, which must be without errors."""
    response = await service.ask(BARS, id=instrument_id, **span)
    assert codes(response) == {}, response["errors"]
    return dict(response["data"]["candles"])


def asked_for(sandbox: RunningSandbox, part: str) -> int:
    """Requests with this in their path; the service fetches bars of its own for the market's context."""
    return sum(part in unquote(seen.path) for seen in sandbox.requests)


async def test_bars_of_the_world_are_yahoos_and_stored(tmp_path: Path) -> None:
    """Days and five minutes; the first choice, so without a reason; the second question is answered by the store."""
    async with both_sources(tmp_path) as (service, sandbox):
        for calls, span in enumerate((DAYS, MINUTES), start=1):
            first = await bars(service, WORLD, span)
            assert first["count"] > 20
            assert (first["fallbackReason"], first["problem"]) == (None, None)
            assert first["sources"] == [{"source": "SANDBOX", "candles": first["count"]}]
            assert asked_for(sandbox, "^GSPC") == calls
            again = await bars(service, WORLD, span)
            assert (again["candles"], again["upstreamCalls"]) == (first["candles"], 0)
            assert asked_for(sandbox, "^GSPC") == calls
            sandbox.clock.shift(seconds=1)


async def test_bars_of_two_sources_are_kept_apart(tmp_path: Path) -> None:
    """Kite's, then Yahoo's while Kite has no login, then Kite's again: what each gave, from its own shelf."""
    async with both_sources(tmp_path, login=False) as (service, sandbox):
        await sandbox.fault("yahoo_deviation", instrument="INFY.NS", basis_points=500)
        stood_in = await bars(service, INFY, DAYS)
        assert stood_in["fallbackReason"].startswith("KITE: LOGIN_REQUIRED: ")
        assert stood_in["sources"] == [{"source": "SANDBOX", "candles": stood_in["count"]}]
        charts = asked_for(sandbox, "INFY.NS")
        assert charts > 0
        assert await bars(service, INFY, DAYS) == stood_in | {"upstreamCalls": 0}, "stored as Yahoo's"
        assert asked_for(sandbox, "INFY.NS") == charts

        await service.log_in()
        kites = await bars(service, INFY, DAYS)
        assert kites["fallbackReason"] is None
        assert [bar["time"] for bar in kites["candles"]] == [bar["time"] for bar in stood_in["candles"]]
        for own, other in zip(kites["candles"], stood_in["candles"], strict=True):
            assert 1.045 < other["close"] / own["close"] < 1.055, "not one bar of one among those of the other"
        token = sandbox.parts.control._prices.token_of(INFY)
        asked = asked_for(sandbox, f"historical/{token}")

        await sandbox.fault("http_error", path="/instruments/historical", status=503)
        assert await bars(service, INFY, DAYS) == kites | {"upstreamCalls": 0}, "stored as Kite's: nobody is asked"
        minutes = await bars(service, INFY, MINUTES)
        assert minutes["fallbackReason"].startswith("KITE: SOURCE_UNAVAILABLE: ")
        assert minutes["count"] > 70
        assert asked_for(sandbox, f"historical/{token}") > asked
        sandbox.heal()
        again = await bars(service, INFY, MINUTES)
        assert again["fallbackReason"] is None
        first, other = again["candles"][0], minutes["candles"][0]
        assert first["time"] == other["time"]
        assert 1.04 < other["close"] / first["close"] < 1.06


async def test_what_no_source_has_keeps_the_first_ones_error(tmp_path: Path) -> None:
    """Bars of a derivative without a login; of a world symbol that is delisted; of one that nobody knows."""
    async with both_sources(tmp_path, login=False) as (service, sandbox):
        future = next(
            row.instrument.id
            for row in sandbox.parts.control._prices._market.listed
            if row.instrument.id.startswith("NFO:") and row.instrument.id.endswith("FUT")
        )
        response = await service.ask(BARS, id=future, **MINUTES)
        assert codes(response) == {"candles": "LOGIN_REQUIRED"}
        assert asked_for(sandbox, "FUT") == 0
        await sandbox.fault("yahoo_delisted", instrument="MSFT")
        response = await service.ask(BARS, id="YAHOO:MSFT", **DAYS)
        assert codes(response) == {"candles": "NOT_PRICED"}, response
