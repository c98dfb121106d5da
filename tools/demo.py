"""`make demo`: the whole service in a minute, with its upstream broken on the way.

Starts `kite-services run` on free ports with a data folder of its own, as a new user would, and talks to it from
outside only: HTTP, graphql-transport-ws, and the sandbox's control endpoint. Prints what it saw.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
import orjson
from rich.console import Console
from rich.table import Table
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from app.commands.first_login import log_in
from tools.chart import draw

START_SECONDS = 90.0
WIDTH = 110
"""Columns of the output: the tables fit."""
SECONDS_BEFORE_FAULTS = 5.0
RECOVERY_SECONDS = 30.0
LIVE_IDS = (
    *("NSE:NIFTY 50", "NSE:NIFTY BANK", "NSE:INDIA VIX", "NSE:INFY", "NSE:RELIANCE"),
    *("NSE:TCS", "NSE:HDFCBANK", "NSE:ITC", "NSE:SBIN", "NSE:M&M"),
)

FIFTY = """query { searchInstruments(text: "", filter: {exchanges: [NSE], kinds: [EQUITY]}, first: 50) {
  totalCount edges { node { id } } } }"""
QUOTES = """query Fifty($ids: [ID!]!) { quotes(ids: $ids) {
  id lastPrice change changePercent volume depth { bids { price quantity } } exchangeTime ageMs freshness source } }"""
LIVE = """subscription Live($ids: [ID!]!) { quotes(ids: $ids, throttleMs: 200) {
  sequence snapshot feed quotes { id lastPrice changePercent } rejected { id code } } }"""
PROVIDERS = "subscription { providers { source state message loginUrl } }"
COLD = '{ quote(id: "NSE:WIPRO", maxAgeMs: 0) { lastPrice source } }'

console = Console(highlight=False, width=WIDTH)


@dataclass(slots=True)
class Seen:
    """What a subscription delivered so far."""

    began: float = field(default_factory=time.monotonic)
    updates: int = 0
    quotes: int = 0
    snapshot: int = 0
    sequence: int = 0
    feed: str = ""
    provider: str = ""

    def note(self, what: str) -> None:
        """Print a line with the time since the beginning."""
        console.print(f"  [dim]{time.monotonic() - self.began:6.2f} s[/]  {what}")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the copy of this run listens."""

    service: str
    sandbox: str

    @property
    def socket(self) -> str:
        """The GraphQL WebSocket."""
        return self.service.replace("http", "ws", 1) + "/graphql"


def free_port() -> int:
    """A port that nobody holds at this moment, with its neighbour 10,000 above in range."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = int(server.getsockname()[1])
        if port < 55_000:  # noqa: PLR2004 - the sandbox takes 10,000 more
            return port


@contextmanager
def running_service() -> Iterator[Addresses]:
    """`kite-services run` as a process of its own; ended by Ctrl-C's signal, and held to a clean end."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="kite-demo-") as folder:
        environment = {**os.environ, "SERVICE_PORT": str(port), "DATA_DIR": folder, "LOG_LEVEL": "ERROR"}  # noqa: TID251 - a child's environment
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "run"], env=environment, stdout=subprocess.DEVNULL, start_new_session=True
        )
        try:
            yield Addresses(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 10_000}")
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=20)
            console.print(f"\nCtrl-C: everything ended, exit code {code}")


async def until_ready(client: httpx.AsyncClient, addresses: Addresses) -> None:
    """Returns when the service is ready, instruments, feed and login included. Raises TimeoutError."""
    with anyio.fail_after(START_SECONDS):
        while True:
            try:
                answer = await client.get(f"{addresses.service}/health/ready")
                if answer.json()["status"] == "ready":
                    return
            except (httpx.HTTPError, ValueError):
                pass
            await anyio.sleep(0.2)


async def ask(client: httpx.AsyncClient, addresses: Addresses, query: str, **variables: Any) -> dict[str, Any]:
    """The whole response of a query."""
    answer = await client.post(f"{addresses.service}/graphql", json={"query": query, "variables": variables})
    return dict(answer.json())


async def upstream_calls(client: httpx.AsyncClient, addresses: Addresses) -> dict[str, int]:
    """Requests that the sandbox has seen, by class."""
    answer = await client.get(f"{addresses.sandbox}/sandbox/stats")
    return dict(answer.json()["data"]["requests"]["by_class"])


async def fault(client: httpx.AsyncClient, addresses: Addresses, **body: Any) -> None:
    """Break the sandbox."""
    (await client.post(f"{addresses.sandbox}/sandbox/faults", json=body)).raise_for_status()


@asynccontextmanager
async def graphql_socket(addresses: Addresses) -> AsyncIterator[ClientConnection]:
    """An acknowledged graphql-transport-ws socket."""
    async with connect(addresses.socket, subprotocols=[Subprotocol("graphql-transport-ws")]) as ws:
        await ws.send(orjson.dumps({"type": "connection_init"}).decode())
        await ws.recv()
        yield ws


async def subscribe(ws: ClientConnection, seen: Seen) -> None:
    """Take what comes on a socket with two subscriptions, `live` and `providers`, until cancelled."""
    async for message in ws:
        body = orjson.loads(message)
        if body["type"] != "next":
            continue
        data = body["payload"]["data"]
        if body["id"] == "live":
            take_quotes(data["quotes"], seen)
        else:
            take_providers(data["providers"], seen)


def take_quotes(update: dict[str, Any], seen: Seen) -> None:
    """Count an update; tell of the snapshot and of each new state of the feed."""
    seen.updates += 1
    seen.quotes += len(update["quotes"])
    seen.sequence = update["sequence"]
    if update["snapshot"]:
        seen.snapshot = len(update["quotes"])
        seen.note(f"first update: a snapshot of {seen.snapshot} quotes")
    if update["feed"] != seen.feed:
        seen.feed = update["feed"]
        seen.note(f"quotes say: feed [bold]{seen.feed}[/]")


def take_providers(statuses: list[dict[str, Any]], seen: Seen) -> None:
    """Tell of each new state of the source."""
    (status,) = statuses
    line = f"providers say: {status['source']} [bold]{status['state']}[/]"
    if status["loginUrl"]:
        line += f", log in at {status['loginUrl']}"
    if line != seen.provider:
        seen.provider = line
        seen.note(line)


async def until_live(seen: Seen) -> None:
    """Returns when updates flow again. Raises TimeoutError."""
    with anyio.fail_after(RECOVERY_SECONDS):
        before = seen.updates
        while seen.feed != "LIVE" or seen.updates < before + 3:  # noqa: ASYNC110 - a look at counters is enough here
            await anyio.sleep(0.05)


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


async def query_twice(client: httpx.AsyncClient, addresses: Addresses) -> None:
    """Fifty quotes cold, and again when the stream carries them."""
    found = await ask(client, addresses, FIFTY)
    ids = [edge["node"]["id"] for edge in found["data"]["searchInstruments"]["edges"]]
    show_quotes(await ask(client, addresses, QUOTES, ids=ids))
    await anyio.sleep(2)
    again = await ask(client, addresses, QUOTES, ids=ids)
    console.print(f"the same query 2 s later: extensions.cost = {again['extensions']['cost']}\n")


async def break_and_mend(client: httpx.AsyncClient, addresses: Addresses, seen: Seen) -> None:
    """Kill the upstream socket, then the token; log in again; the subscription lives through all of it."""
    await anyio.sleep(SECONDS_BEFORE_FAULTS)
    seen.note(f"5 s: {seen.updates} updates with {seen.quotes} quotes")
    seen.note("[red]killing the sandbox's socket[/]")
    await fault(client, addresses, kind="drop_socket")
    await anyio.sleep(0.3)
    await until_live(seen)
    seen.note("[red]killing the token, and the socket again[/]")
    await fault(client, addresses, kind="dead_token")
    await fault(client, addresses, kind="drop_socket")
    await anyio.sleep(1.5)
    cold = await ask(client, addresses, COLD)
    extensions = cold["errors"][0]["extensions"] if cold.get("errors") else "no error: it was still streamed"
    seen.note(f"a query that only Kite can answer: {extensions}")
    seen.note("[green]logging in again, as a person would[/]")
    await log_in(addresses.service)
    await until_live(seen)
    seen.note(f"the same subscription goes on: {seen.updates} updates, sequence {seen.sequence}")


async def show(addresses: Addresses) -> None:
    """The whole demonstration."""
    async with httpx.AsyncClient(timeout=15, trust_env=False) as client:
        await until_ready(client, addresses)
        console.print(f"[bold]Ready[/] at {addresses.service}/graphql, logged in to the sandbox exchange\n")
        await query_twice(client, addresses)
        seen = Seen()
        console.print(f"Subscribing to {len(LIVE_IDS)} instruments over graphql-transport-ws:")
        async with graphql_socket(addresses) as ws, anyio.create_task_group() as tasks:
            for name, query in (("live", LIVE), ("providers", PROVIDERS)):
                payload = {"query": query, "variables": {"ids": LIVE_IDS} if name == "live" else {}}
                await ws.send(orjson.dumps({"id": name, "type": "subscribe", "payload": payload}).decode())
            tasks.start_soon(subscribe, ws, seen)
            await break_and_mend(client, addresses, seen)
            tasks.cancel_scope.cancel()
        console.print("\nAn hour of 1-minute bars, one historical request, then live at the right end:\n")
        await draw(addresses.service, "NSE:INFY", console)
        calls = await upstream_calls(client, addresses)
        table = Table("requests to the exchange", "count", title="Upstream calls of the whole run")
        for name, count in sorted(calls.items()):
            table.add_row(name, str(count))
        console.print(table)
        console.print(f"Quote calls for everything above: [bold]{calls.get('quote', 0)}[/]")


def main() -> None:
    """Run it."""
    with running_service() as addresses:
        anyio.run(show, addresses)


if __name__ == "__main__":
    main()
