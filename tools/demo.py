"""`make demo`: the whole service in a minute, with its upstream broken on the way.

Starts `kite-services run` on free ports with a data folder of its own, as a new user would, and talks to it from
outside only: HTTP, graphql-transport-ws, and the sandbox's control endpoint. Prints what it saw.
"""

from typing import Any

import anyio
import httpx
from rich.table import Table

from tools.chart import draw
from tools.demo_context import ask_first, show_context
from tools.demo_faults import break_and_mend
from tools.demo_wire import Stage, console, running_service

CHART_SECONDS = 10.0
FIFTY = """query { searchInstruments(text: "", filter: {exchanges: [NSE], kinds: [EQUITY]}, first: 50) {
  totalCount edges { node { id } } } }"""
QUOTES = """query Fifty($ids: [ID!]!) { quotes(ids: $ids) {
  id lastPrice change changePercent volume depth { bids { price quantity } } exchangeTime ageMs freshness source } }"""


async def query_twice(stage: Stage) -> None:
    """Fifty quotes cold, and again when the stream carries them."""
    found = await stage.ask(FIFTY)
    ids = [edge["node"]["id"] for edge in found["data"]["searchInstruments"]["edges"]]
    show_quotes(await stage.ask(QUOTES, ids=ids))
    await anyio.sleep(2)
    again = await stage.ask(QUOTES, ids=ids)
    console.print(f"the same query 2 s later: extensions.cost = {again['extensions']['cost']}\n")


def show_quotes(response: dict[str, Any]) -> None:
    """The first ten of the quotes, and what they cost."""
    quotes = response["data"]["quotes"]
    table = Table("id", "last", "change %", "volume", "best bid", "freshness", "source", title="50 quotes, 10 shown")
    for quote in quotes[:10]:
        bids = quote["depth"]["bids"] if quote["depth"] else []
        table.add_row(
            quote["id"],
            f"{quote['lastPrice']:,.2f}",
            f"{quote['changePercent']:+.2f}",
            f"{quote['volume']:,}",
            f"{bids[0]['price']:,.2f}" if bids else "",
            quote["freshness"],
            quote["source"],
        )
    console.print(table)
    priced = sum(quote is not None for quote in quotes)
    console.print(f"{priced} of {len(quotes)} priced; extensions.cost = {response['extensions']['cost']}\n")


async def show_calls(stage: Stage) -> None:
    """What everything above cost the exchange."""
    calls = await stage.upstream_calls()
    table = Table("requests to the exchange", "count", title="Upstream calls of the whole run")
    for name, count in sorted(calls.items()):
        table.add_row(name, str(count))
    console.print(table)
    console.print(f"Quote calls to Kite for everything above: [bold]{calls.get('quote', 0)}[/]")


async def show(service: str, sandbox: str) -> None:
    """The whole demonstration."""
    async with httpx.AsyncClient(timeout=15, trust_env=False) as client:
        stage = Stage(client, service, sandbox)
        await stage.until_ready()
        console.print(f"[bold]Ready[/] at {service}/graphql, logged in to the sandbox exchange\n")
        await ask_first(stage)
        await query_twice(stage)
        await show_context(stage)
        await break_and_mend(stage)
        console.print("\nAn hour of 1-minute bars, one historical request, then live at the right end:\n")
        await draw(service, "NSE:INFY", console, seconds=CHART_SECONDS)
        await show_calls(stage)


def main() -> None:
    """Run it."""
    with running_service() as addresses:
        anyio.run(show, *addresses)


if __name__ == "__main__":
    main()
