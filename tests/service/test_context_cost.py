"""What the fields of context and chains are estimated at: a whole page passes, a way to multiply work does not."""

import pytest

from app.main import COST_MODEL
from schema.build import build_schema
from schema.execution.documents import Document, DocumentCache
from schema.execution.limits import DEFAULT_LIMITS

INSTRUMENT = "id exchange symbol name kind segment expiry strike lotSize tickSize currency"
QUOTE = """id lastPrice open high low previousClose change changePercent volume averagePrice lastQuantity lastTradeTime
  buyQuantity sellQuantity openInterest lowerCircuitLimit upperCircuitLimit exchangeTime receivedAt ageMs freshness
  source fallbackReason depth { bids { price quantity orders } asks { price quantity orders } }"""
LEG = f"instrument {{ {INSTRUMENT} }} quote {{ {QUOTE} }} impliedVolatility delta gamma theta vega"
MOVES = f"instrument {{ {INSTRUMENT} }} quote {{ {QUOTE} }}"
MOVERS = f"gainers {{ {QUOTE} }} losers {{ {QUOTE} }} mostActive {{ {QUOTE} }}"
CHAIN = f"expiries missing {{ input reason }} rows {{ strike call {{ {LEG} }} put {{ {LEG} }} }}"
CONTEXT = f"""regime {{ score evidence {{ name value }} }}
  breadth {{ advances }} movers {{ {MOVERS} }} indices {{ {MOVES} }}
  sectors {{ name rank {MOVES} }} global {{ {MOVES} }} currencies {{ {MOVES} }} commodities {{ {MOVES} }}
  missing {{ input reason }}"""
SERIES = """count from to expected upstreamCalls missing { from to } sources { source candles }
  candles { time epochSeconds open high low close volume openInterest state }
  columns { epochSeconds open high low close volume }"""
DAYS = "candles(interval: DAY, last: 250) { candles { time open high low close } }"
SCHEMA = build_schema()._schema
DOCUMENTS = DocumentCache(SCHEMA, DEFAULT_LIMITS, COST_MODEL)


def price(query: str, **variables: object) -> int:
    """The estimate of a document of one operation."""
    document = DOCUMENTS.document(query)
    assert isinstance(document, Document), document
    operation = document.choose(None)
    return operation.price(variables)  # type: ignore[union-attr]  # a document of one operation


@pytest.mark.parametrize(
    "query",
    [
        f'{{ optionChain(underlying: "NSE:NIFTY 50", strikesEachSide: 60) {{ {CHAIN} }} }}',
        f'subscription {{ optionChain(underlying: "NSE:NIFTY 50", strikesEachSide: 60) {{ {CHAIN} }} }}',
        f"{{ marketContext {{ {CONTEXT} }} }}",
        f"subscription {{ marketContext {{ {CONTEXT} }} }}",
        f"{{ marketContext {{ movers(top: 50) {{ {MOVERS} }} }} }}",
        f'{{ indexConstituents(index: "NSE:NIFTY 50") {{ {INSTRUMENT} quote {{ {QUOTE} }} {DAYS} }} }}',
        f'{{ compareSources(id: "NSE:INFY") {{ prices {{ name quote {{ {QUOTE} }} }} }} }}',
        f'{{ candles(id: "NSE:INFY", interval: MINUTE, last: 50000) {{ {SERIES} }} }}',
    ],
)
def test_all_fields_of_one_page_pass(query: str) -> None:
    """At the greatest sizes that the arguments allow."""
    assert price(query) <= DEFAULT_LIMITS.max_cost


@pytest.mark.parametrize(
    ("one", "times"),
    [
        ('optionChain(underlying: "NSE:NIFTY 50") { spot }', 321),
        ('marketContext { breadth(index: "NSE:NIFTY IT") { advances } }', 641),
        ('marketContext { movers(index: "NSE:NIFTY IT") { gainers { id } } }', 641),
        (f'indexConstituents(index: "NSE:NIFTY 500") {{ {DAYS} }}', 2),
    ],
)
def test_what_takes_work_beside_its_fields_is_priced_for_it(one: str, times: int) -> None:
    """So few of them are over the limit, however little of each is asked for."""
    assert price(f"{{ {one} }}") * times > DEFAULT_LIMITS.max_cost


def test_bars_are_priced_as_many_as_fit_on_a_screen() -> None:
    """By `last` as by dates, written out or as a variable: all bars of an operation are bounded when they are there."""
    by_last = 'query ($last: Int) { candles(id: "NSE:INFY", interval: MINUTE, last: $last) { candles { open close } } }'
    assert price(by_last, last=30) < price(by_last, last=500) == price(by_last, last=50_000)
    by_date = by_last.replace("last: $last", 'from: "2026-11-01T00:00:00Z"').replace("($last: Int) ", "")
    assert price(by_date) == price(by_last, last=500)
    assert price(by_last.replace("$last)", "50000)").replace("($last: Int) ", "")) == price(by_date)
