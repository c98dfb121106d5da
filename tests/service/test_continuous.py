"""Continuous futures: days from before a contract's own listing, kept apart from the contract's own."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.candles import Interval
from app.domain.continuous import continuous_future
from app.domain.errors import NotSupported
from app.domain.instruments import Exchange, InstrumentKind, bare_instrument
from app.domain.time import ist_date, ist_datetime
from tests.service.both import both_sources, codes
from tests.support.clock import MONDAY_MORNING
from tests.support.sandbox import RunningSandbox
from tests.support.service import RunningService

SERIES = """query ($id: ID!, $interval: Interval!, $continuous: Boolean!, $from: DateTime) {
  candles(id: $id, interval: $interval, from: $from, continuous: $continuous) {
    count upstreamCalls instrument { id expiry } candles { time close }
    indicators(of: [{kind: SMA, period: 20}]) { lines { values } } } }"""
PAIR: dict[str, Any] = {"sandbox": {"at": MONDAY_MORNING}, "yahoo": False}
YEAR_AGO = ist_datetime(ist_date(MONDAY_MORNING) - timedelta(days=400)).isoformat()


def a_future(sandbox: RunningSandbox) -> str:
    """The id of a future on the NIFTY."""
    listed = sandbox.parts.control._prices._market.listed
    return next(
        row.instrument.id
        for row in listed
        if row.instrument.id.startswith("NFO:NIFTY") and row.instrument.kind is InstrumentKind.FUTURE
    )


async def series(service: RunningService, **asked: Any) -> dict[str, Any]:
    """One series, without an error."""
    answer = await service.ask(SERIES, **asked)
    assert codes(answer) == {}, answer["errors"]
    return dict(answer["data"]["candles"])


async def test_days_go_back_beyond_the_contracts_own_listing(tmp_path: Path) -> None:
    """Fetched once, and never shown as the contract's own; averages are of the same series."""
    async with both_sources(tmp_path, **PAIR) as (service, sandbox):
        asked: dict[str, Any] = {"id": a_future(sandbox), "interval": "DAY", "from": YEAR_AGO}
        own = await series(service, **asked, continuous=False)
        joined = await series(service, **asked, continuous=True)
        assert joined["count"] > 200 > own["count"]
        assert joined["instrument"] == own["instrument"]
        assert joined["instrument"]["id"] == asked["id"]
        assert joined["candles"][-own["count"] :] == own["candles"]
        assert all(value is not None for value in joined["indicators"][0]["lines"][0]["values"])
        calls = sandbox.count("historical")
        for continuous, before in ((True, joined), (False, own)):
            again = await series(service, **asked, continuous=continuous)
            assert (again["upstreamCalls"], again["candles"]) == (0, before["candles"])
        assert sandbox.count("historical") == calls
        weeks = await series(service, **{**asked, "interval": "WEEK"}, continuous=True)
        assert weeks["count"] > 40


async def test_what_has_none_says_what_has(tmp_path: Path) -> None:
    """Minutes, and shares; nothing is asked of the source."""
    async with both_sources(tmp_path, **PAIR) as (service, sandbox):
        calls = sandbox.count("historical")
        minutes = await service.ask(SERIES, id=a_future(sandbox), interval="MINUTE", continuous=True)
        share = await service.ask(SERIES, id="NSE:INFY", interval="DAY", continuous=True)
        assert sandbox.count("historical") == calls
    assert codes(minutes) == codes(share) == {"candles": "NOT_SUPPORTED"}
    assert "no MINUTE bars; they have DAY, WEEK, MONTH" in minutes["errors"][0]["message"]
    assert "only futures of NFO and MCX" in share["errors"][0]["message"]


@pytest.mark.parametrize("exchange", [each for each in Exchange if each not in {Exchange.NFO, Exchange.MCX}])
def test_other_exchanges_have_none(exchange: Exchange) -> None:
    """Currencies, SENSEX futures, and all that is no Indian future."""
    future = bare_instrument(exchange, "X26NOVFUT", kind=InstrumentKind.FUTURE)
    with pytest.raises(NotSupported, match=f"{exchange}:X26NOVFUT has no continuous series"):
        continuous_future(future, Interval.DAY)
