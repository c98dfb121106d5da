"""The bars of one operation, however many fields ask for them."""

from pathlib import Path

from tests.support.service import running_pair

MONTHS = """{ once: instrument(id: "NSE:INFY") { candles(interval: MINUTE, from: "FROM", to: "TO") { count } }
  again: instrument(id: "NSE:INFY") { candles(interval: MINUTE, from: "FROM", to: "TO") { count } }
  short: candles(id: "NSE:INFY", interval: DAY, last: 5) { count } }"""
RANGE = MONTHS.replace("FROM", "2026-06-01T00:00:00+05:30").replace("TO", "2026-06-21T00:00:00+05:30")


async def test_all_candles_of_an_operation_share_one_bound(tmp_path: Path) -> None:
    """Ranges have no price before they are fetched: ten months as aliases once held the event loop for 30 s."""
    async with running_pair(tmp_path, sandbox={"rate_limits": None}) as (service, _):
        answer = await service.ask(RANGE)
    months = [answer["data"]["once"], answer["data"]["again"]]
    assert [each["candles"]["count"] for each in months if each is not None] == [28_800]
    assert answer["data"]["short"] == {"count": 5}
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "INVALID_RANGE"
    assert "at most 50000 bars together" in error["message"]


async def test_the_longest_answer_may_name_every_field(tmp_path: Path) -> None:
    """50,000 bars by `last`; one more is refused with the way to page."""
    fields = "count candles { time epochSeconds open high low close volume openInterest state } missing { from to }"
    ask = 'query ($last: Int) { candles(id: "NSE:INFY", interval: MINUTE, last: $last) { FIELDS } }'
    async with running_pair(tmp_path, sandbox={"rate_limits": None}) as (service, _):
        series = (await service.ask(ask.replace("FIELDS", fields), last=50_000))["data"]["candles"]
        refused = await service.ask(ask.replace("FIELDS", fields), last=50_001)
    assert (series["count"], len(series["candles"]), series["missing"]) == (50_000, 50_000, [])
    assert "ask page by page with `to`" in refused["errors"][0]["message"]
