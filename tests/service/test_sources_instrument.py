"""One instrument in one query, from whichever source has each part of it."""

from pathlib import Path

from app.services.fundamentals import REMEMBERED_SECONDS
from tests.service.both import both_sources, codes

INFY = "NSE:INFY"
WHOLE = """query ($id: ID!) { instrument(id: $id) { name kind currency phase { phase }
  quote { lastPrice source fallbackReason }
  fundamentals { marketCap priceToEarnings dividendYield fiftyTwoWeekHigh fiftyTwoWeekLow sector currency asOf source }
  candles(interval: DAY, last: 5) { count fallbackReason sources { source candles } } } }"""
FUNDAMENTALS = "query ($id: ID!) { instrument(id: $id) { fundamentals { marketCap currency asOf } } }"


async def test_one_query_brings_every_part_from_the_source_that_has_it(tmp_path: Path) -> None:
    """Price and bars of Kite, fundamentals of Yahoo; these are remembered, the phase costs nothing."""
    async with both_sources(tmp_path) as (service, sandbox):
        response = await service.ask(WHOLE, id=INFY)
        assert codes(response) == {}
        infy = response["data"]["instrument"]
        assert infy["phase"] == {"phase": "OPEN"}
        assert (infy["quote"]["source"], infy["quote"]["fallbackReason"]) == ("SANDBOX", None)
        known = infy["fundamentals"]
        assert (known["currency"], known["source"]) == ("INR", "SANDBOX")
        assert known["fiftyTwoWeekLow"] <= infy["quote"]["lastPrice"] * 1.05
        assert known["fiftyTwoWeekLow"] < known["fiftyTwoWeekHigh"]
        assert (infy["candles"]["count"], infy["candles"]["fallbackReason"]) == (5, None)
        assert infy["candles"]["sources"] == [{"source": "SANDBOX", "candles": 5}]
        assert (sandbox.count("quote"), sandbox.count("yahoo_summary"), sandbox.count("yahoo_quote")) == (1, 1, 0)

        again = await service.ask(FUNDAMENTALS, id=INFY)
        assert again["data"]["instrument"]["fundamentals"]["marketCap"] == known["marketCap"]
        assert again["data"]["instrument"]["fundamentals"]["asOf"] == known["asOf"]
        assert again["extensions"]["cost"]["upstreamCalls"] == 0
        assert sandbox.count("yahoo_summary") == 1

        sandbox.clock.shift(seconds=REMEMBERED_SECONDS)
        later = await service.ask(FUNDAMENTALS, id=INFY)
        assert later["data"]["instrument"]["fundamentals"]["asOf"] > known["asOf"]
        assert later["extensions"]["cost"]["upstreamCalls"] == 1
        assert sandbox.count("yahoo_summary") == 2


async def test_what_is_no_share_has_no_fundamentals_and_an_outage_has_a_code(tmp_path: Path) -> None:
    """An index, a future, a currency: null and NOT_SUPPORTED without a call. Delisted: NOT_PRICED, and remembered."""
    async with both_sources(tmp_path) as (service, sandbox):
        future = next(
            row.instrument.id
            for row in sandbox.parts.control._prices._market.listed
            if row.instrument.id.startswith("NFO:") and row.instrument.id.endswith("FUT")
        )
        for instrument_id in ("NSE:NIFTY 50", "YAHOO:^GSPC", "YAHOO:INR=X", future):
            response = await service.ask(FUNDAMENTALS, id=instrument_id)
            assert response["data"]["instrument"]["fundamentals"] is None
            assert codes(response) == {"instrument.fundamentals": "NOT_SUPPORTED"}
            assert instrument_id in response["errors"][0]["message"]
            assert response["extensions"]["cost"]["upstreamCalls"] == 0
        assert sandbox.count("yahoo_summary") == 0

        apple = (await service.ask(FUNDAMENTALS, id="YAHOO:AAPL"))["data"]["instrument"]["fundamentals"]
        assert apple["currency"] == "USD"
        await sandbox.fault("yahoo_delisted", instrument="MSFT")
        sandbox.clock.shift(seconds=2)
        for spent in (1, 0):
            response = await service.ask(FUNDAMENTALS, id="YAHOO:MSFT")
            assert codes(response) == {"instrument.fundamentals": "NOT_PRICED"}
            assert response["extensions"]["cost"]["upstreamCalls"] == spent
        asked = sandbox.count("yahoo_summary")

        await sandbox.fault("yahoo_down", path="/v10")
        sandbox.clock.shift(seconds=2)
        response = await service.ask(FUNDAMENTALS, id="NSE:TCS")
        assert codes(response) == {"instrument.fundamentals": "SOURCE_UNAVAILABLE"}
        assert sandbox.count("yahoo_summary") > asked
        sandbox.heal()
        sandbox.clock.shift(seconds=2)
        assert codes(await service.ask(FUNDAMENTALS, id="NSE:TCS")) == {}, "a failure is not remembered"
