"""What the schema adds to a series and to a phase: indicators, holes, and the phase as it changes."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from app.domain.calendar import load_calendar
from app.domain.candles import CandleRange, CandleSeries, Interval
from app.domain.instruments import Instrument
from app.main import COST_MODEL
from app.services.indicators.series import IndicatorService
from app.services.phases import PhaseService
from schema.build import build_schema
from schema.context import RequestContext, Role, Services
from schema.execution.engine import Engine, Prepared
from schema.execution.events import subscribe
from schema.execution.records import GraphQLRequest, OperationRecord, RequestFailure
from tests.indicators.walks import walk
from tests.services.fakes import an_instrument
from tests.support.clock import FixedClock

BARS = walk(5, 100)
RECORDS: list[OperationRecord] = []
ENGINE = Engine(build_schema(), on_operation=RECORDS.append, cost_model=COST_MODEL)
CALENDAR = load_calendar()


class OneHistory:
    """The newest of a hundred bars, with a hole."""

    async def candles(
        self, instrument: Instrument, interval: Interval, *, end: Any, last: int | None, **_: Any
    ) -> CandleSeries:
        """The last bars before an instant."""
        bars = tuple(bar for bar in BARS if end is None or bar.time < end)[-(last or 100) :]
        hole = CandleRange(BARS[0].time - timedelta(hours=1), BARS[0].time)
        return CandleSeries(instrument, interval, None, None, bars, (), 0, 375, (hole,), "SOURCE_ERROR: down")


def context() -> RequestContext:
    """A context with as many services as these fields use."""
    history = OneHistory()
    services = SimpleNamespace(
        quotes=None,
        history=history,
        indicators=IndicatorService(history),
        instruments=SimpleNamespace(require=an_instrument),
        phases=PhaseService(CALENDAR, lambda _: False),
        clock=FixedClock(),
    )
    return RequestContext(cast("Services", services), Role.READER)


def prepare(query: str) -> Prepared | RequestFailure:
    """The operation, checked and priced."""
    return ENGINE.prepare(GraphQLRequest(query, {}, None, transport="test", request_id="r-1"))


async def ask(query: str) -> dict[str, Any]:
    """The answer to a query."""
    prepared = prepare(query)
    assert isinstance(prepared, Prepared), prepared
    return await ENGINE.execute(prepared, context())


async def test_indicators_of_a_series() -> None:
    """Kind, label and lines; one value a bar; the bars before are taken into account."""
    answer = await ask(
        '{candles(id:"NSE:INFY", interval:MINUTE, last:5){count indicators(of:[{kind:SMA, period:3},{kind:MACD}])'
        "{kind label problem lines{name values}}}}"
    )
    sma, macd = answer["data"]["candles"]["indicators"]
    closes = [bar.close for bar in BARS]
    assert sma["lines"][0]["values"] == pytest.approx([sum(closes[n - 2 : n + 1]) / 3 for n in range(95, 100)])
    assert (sma["kind"], sma["label"], sma["problem"]) == ("SMA", "SMA 3", None)
    assert [line["name"] for line in macd["lines"]] == ["macd", "signal", "histogram"]
    assert [line["values"] for line in macd["lines"]] == [[None] * 5] * 3
    assert macd["problem"] == "SOURCE_ERROR: down"


@pytest.mark.parametrize(
    ("of", "message"),
    [
        ("{kind:SMA, fast:3}", "SMA does not take `fast`; it takes `period`"),
        ("{kind:RSI, period:1}", "RSI: `period` is 1; it must lie between 2 and 500"),
        (",".join(["{kind:VWAP}"] * 11), "`of` has 11 entries and at most 10 are allowed for one series"),
    ],
)
async def test_nonsense_is_an_error_at_its_field(of: str, message: str) -> None:
    """With a code, and a message that says what would do."""
    answer = await ask('{candles(id:"NSE:INFY", interval:MINUTE, last:5){indicators(of:[' + of + "]){label}}}")
    (error,) = answer["errors"]
    assert (error["message"], error["extensions"]["code"]) == (message, "INVALID_INPUT")
    assert error["path"] == ["candles", "indicators"]


async def test_a_series_tells_what_it_lacks() -> None:
    """Expected bars, the holes as ranges, and the reason."""
    answer = await ask('{candles(id:"NSE:INFY", interval:MINUTE, last:5){expected missing{from to} problem}}')
    assert answer["data"]["candles"] == {
        "expected": 375,
        "missing": [{"from": "2026-11-16T08:15:00+05:30", "to": "2026-11-16T09:15:00+05:30"}],
        "problem": "SOURCE_ERROR: down",
    }


def test_many_indicator_fields_cost_too_much() -> None:
    """A hundred aliases with ten indicators each would take minutes."""
    field = 'candles(id:"NSE:INFY", interval:MINUTE, last:50000){indicators(of:[{kind:ADX}]){label}}'
    refused = prepare("{" + " ".join(f"a{n}: {field}" for n in range(100)) + "}")
    assert isinstance(refused, RequestFailure)
    assert refused.errors[0]["extensions"]["code"] == "DOCUMENT_TOO_COSTLY"  # type: ignore[index] # extensions are a mapping
    assert isinstance(prepare("{" + " ".join(f"a{n}: {field}" for n in range(20)) + "}"), Prepared)


async def test_the_phase_of_an_exchange_is_followed() -> None:
    """The present one first; each event is the whole phase."""
    prepared = prepare("subscription{marketPhase(exchange:MCX){exchange phase nextTransition}}")
    assert isinstance(prepared, Prepared)
    events = await subscribe(ENGINE, prepared, context())
    assert not isinstance(events, dict)
    with anyio.fail_after(5):
        event = await anext(events)
    await events.aclose()
    assert event["data"] == {
        "marketPhase": {"exchange": "MCX", "phase": "OPEN", "nextTransition": "2026-11-23T23:55:00+05:30"}
    }
