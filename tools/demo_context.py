"""The market's context as tables: every verdict with the evidence that it was made of.

Comes in: a running service. Goes out: what `marketContext` answers, printed. Called by `make demo`.
"""

from collections.abc import Sequence
from typing import Any

from rich.columns import Columns
from rich.table import Table

from tools.demo_wire import Stage, console

MOVES = "{ instrument { id name } quote { lastPrice changePercent freshness } }"
CONTEXT = f"""{{ marketContext {{ asOf confidence
  regime {{ trend score evidence {{ name value unit weight contribution }} }}
  volatility {{ value change level percentile impliedDailyMovePercent }}
  breadth {{ advances declines unchanged unpriced advanceDeclineRatio percentAdvancing constituentsAsOf }}
  sectors {{ rank name quote {{ changePercent }} relativeStrength5d relativeStrength22d }}
  movers(top: 3) {{ gainers {{ id changePercent }} losers {{ id changePercent }} mostActive {{ id volume }} }}
  indices {MOVES} global {MOVES} currencies {MOVES} commodities {MOVES}
  missing {{ input reason }} }} }}"""
MISSING_SHOWN = 6


async def ask_first(stage: Stage) -> None:
    """The first question of all: nothing is known, and the closes of a year begin to be fetched."""
    answer = await stage.ask("{ marketContext { missing { input } } }")
    missing = len(answer["data"]["marketContext"]["missing"])
    console.print("The market's context, asked for the first time; its day bars are being fetched:")
    console.print(f"{missing} inputs are missing yet; extensions.cost = {answer['extensions']['cost']}\n")


async def show_context(stage: Stage) -> None:
    """The whole context."""
    answer = await stage.ask(CONTEXT)
    found = answer["data"]["marketContext"]
    console.print(f"[bold]The market's context[/] as of {found['asOf'][:19]}")
    console.print(_regime(found["regime"]))
    console.print(_facts(found))
    console.print(Columns([_sectors(found["sectors"]), _movers(found["movers"])]))
    groups = {"Indices": "indices", "World": "global", "Currencies": "currencies", "Commodities": "commodities"}
    console.print(Columns([_moves(title, found[name]) for title, name in groups.items()]))
    console.print(f"confidence {found['confidence']:.2f}; missing: {len(found['missing'])} inputs")
    for each in found["missing"][:MISSING_SHOWN]:
        console.print(f"  {each['input']}: {each['reason']}")
    console.print(f"extensions.cost = {answer['extensions']['cost']}\n")


def _regime(regime: dict[str, Any] | None) -> Table:
    """The verdict, and a line for each piece of evidence."""
    title = f"NIFTY 50: {regime['trend']}, score {regime['score']:+.3f}" if regime else "NIFTY 50: no verdict"
    table = Table("evidence", "value", "unit", "weight", "contribution", title=title)
    for each in regime["evidence"] if regime else ():
        numbers = f"{each['value']:+.3f}", f"{each['weight']:.2f}", f"{each['contribution']:+.3f}"
        table.add_row(each["name"], numbers[0], each["unit"], *numbers[1:])
    return table


def _facts(found: dict[str, Any]) -> Table:
    """Volatility and breadth."""
    table = Table(show_header=False)
    volatility, breadth = found["volatility"], found["breadth"]
    if volatility:
        percentile = volatility["percentile"]
        place = "by fixed bands" if percentile is None else f"percentile {percentile:.0f} of a year"
        move = f"implies {volatility['impliedDailyMovePercent']:.2f} % a day"
        table.add_row("INDIA VIX", f"{volatility['value']:.2f}, {volatility['level']}, {place}; {move}")
    if breadth:
        counts = f"{breadth['advances']} up, {breadth['declines']} down, {breadth['unchanged']} unchanged"
        rest = f"{breadth['unpriced']} without a price; members as of {breadth['constituentsAsOf']}"
        table.add_row("breadth", f"{counts}, {rest}")
    return table


def _sectors(sectors: Sequence[dict[str, Any]]) -> Table:
    """By rank, the best of the day first."""
    table = Table("", "sector", "day %", "5 d", "22 d", title="Sectors, against NIFTY 50")
    for each in sectors:
        strengths = (_signed(each[f"relativeStrength{days}d"]) for days in (5, 22))
        table.add_row(str(each["rank"]), each["name"], _signed(each["quote"]["changePercent"]), *strengths)
    return table


def _movers(movers: dict[str, Any] | None) -> Table:
    """Three of each kind."""
    table = Table("", "member", "", title="Movers of NIFTY 50")
    for kind, word in (("gainers", "up"), ("losers", "down"), ("mostActive", "active")):
        for each in movers[kind] if movers else ():
            figure = f"{each['volume']:,}" if kind == "mostActive" else f"{each['changePercent']:+.2f} %"
            table.add_row(word, each["id"], figure)
    return table


def _moves(title: str, moves: Sequence[dict[str, Any]]) -> Table:
    """One group of prices."""
    table = Table("name", "last", "day %", "", title=title)
    for each in moves:
        quote, instrument = each["quote"], each["instrument"]
        name = (instrument["name"] or instrument["id"])[:24]
        table.add_row(name, f"{quote['lastPrice']:,.2f}", _signed(quote["changePercent"]), quote["freshness"])
    return table


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.2f}"
