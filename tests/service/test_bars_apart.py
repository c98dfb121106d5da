"""Bars of two sources are kept apart: a series is one source's from end to end, whatever of another's is stored."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.providers.breaker import FIRST_PAUSE
from tests.service.both import both_sources
from tests.support.service import RunningService

BARS = """query ($first: DateTime!, $end: DateTime!) {
  candles(id: "NSE:INFY", interval: DAY, from: $first, to: $end) {
  fallbackReason problem candles { epochSeconds close } } }"""
FIVE_PERCENT = {"instrument": "INFY.NS", "basis_points": 500}
"""By so much is each of Yahoo's bars off: one among Kite's would be seen at once."""
HISTORICAL = "/instruments/historical"


async def bars_of(service: RunningService, first: str, end: str) -> tuple[dict[str, Any], dict[int, float]]:
    """A series, and its closes by time."""
    response = await service.ask(BARS, first=first, end=end)
    assert "errors" not in response, response["errors"]
    series = response["data"]["candles"]
    return series, {bar["epochSeconds"]: bar["close"] for bar in series["candles"]}


async def test_a_series_is_one_sources_from_end_to_end(tmp_path: Path) -> None:
    """What Kite's store has of a longer range is not completed from Yahoo, and Yahoo's never fills Kite's store."""
    async with both_sources(tmp_path) as (service, sandbox):
        now = sandbox.clock.now()
        ancient, old, between, end = ((now - timedelta(days=days)).isoformat() for days in (2_500, 2_400, 60, 10))
        await sandbox.fault("yahoo_deviation", **FIVE_PERCENT)
        series, newest = await bars_of(service, between, end)
        assert (len(newest), series["fallbackReason"], series["problem"]) == (50, None, None)

        await sandbox.fault("http_error", path=HISTORICAL)
        series, partly = await bars_of(service, ancient, end)
        assert series["problem"].startswith("SOURCE_UNAVAILABLE: ")
        assert partly.items() >= newest.items()
        assert len(partly) < 2_490, "the rest is a gap, though Yahoo has it"

        series, other = await bars_of(service, ancient, old)
        assert series["fallbackReason"].startswith("KITE: SOURCE_UNAVAILABLE: ")
        assert len(other) == 100

        sandbox.heal()
        await sandbox.fault("yahoo_deviation", **FIVE_PERCENT)
        sandbox.clock.shift(seconds=FIRST_PAUSE)
        series, own = await bars_of(service, ancient, old)
        assert series["fallbackReason"] is None
        assert own.keys() == other.keys()
        series, whole = await bars_of(service, ancient, end)
        assert (len(whole), series["fallbackReason"], series["problem"]) == (2_490, None, None)
        assert whole.items() >= newest.items() | own.items()
        for time, close in other.items():
            assert close == pytest.approx(1.05 * own[time], abs=0.06)
