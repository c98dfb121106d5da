"""The upstream broken on the way, under a subscription that lives through all of it.

First the exchange's socket is dropped, then Kite is cut off and Yahoo stands in, then Kite's REST is down until its
breaker opens; each is mended again. Comes in: a running service. Goes out: lines of what was seen. Called by
`make demo`.
"""

import time
from dataclasses import dataclass, field
from typing import Any

import anyio
import orjson
from rich.table import Table
from websockets.asyncio.client import ClientConnection

from app.commands.first_login import log_in
from tools.demo_wire import Stage, console

SECONDS_BEFORE_FAULTS = 3.0
RECOVERY_SECONDS = 30.0
STAND_IN_SECONDS = 15.0
LIVE_IDS = (
    *("NSE:NIFTY 50", "NSE:NIFTY BANK", "NSE:INDIA VIX", "NSE:INFY", "NSE:RELIANCE"),
    *("NSE:TCS", "NSE:HDFCBANK", "NSE:ITC", "NSE:SBIN", "NSE:M&M"),
)
LIVE = """subscription Live($ids: [ID!]!) { quotes(ids: $ids, throttleMs: 200) {
  sequence snapshot feed quotes { id lastPrice changePercent freshness fallbackReason } rejected { id code } } }"""
PROVIDERS = "subscription { providers { name state loginUrl breakers { capability state } } }"
COLD = """query Cold($id: ID!) { quote(id: $id, maxAgeMs: 0) {
  lastPrice exchangeTime freshness source fallbackReason } }"""
STATES = "{ providers { name state breakers { capability state failures retryInMs problem } } }"
UNASKED = ("NSE:VOLTAS", "NSE:YESBANK", "NSE:ZYDUSLIFE", "NSE:UPL", "NSE:TVSMOTOR")
"""Shares that nothing before has asked for: what was asked for once is streamed, and the stream goes on. Three failed
calls open the breaker, the fourth share finds it open, the last one is for when all is well again."""


@dataclass(slots=True)
class Seen:
    """What the subscriptions delivered so far."""

    began: float = field(default_factory=time.monotonic)
    updates: int = 0
    quotes: int = 0
    sequence: int = 0
    feed: str = ""
    providers: dict[str, str] = field(default_factory=dict)
    last: dict[str, Any] = field(default_factory=dict)
    """The newest quote that came."""

    def note(self, what: str) -> None:
        """Print a line with the time since the beginning."""
        console.print(f"  [dim]{time.monotonic() - self.began:6.2f} s[/]  {what}")

    def take_quotes(self, update: dict[str, Any]) -> None:
        """Count an update; tell of the snapshot and of each new state of the feed."""
        self.updates += 1
        self.quotes += len(update["quotes"])
        self.sequence = update["sequence"]
        if update["quotes"]:
            self.last = update["quotes"][-1]
        if update["snapshot"]:
            self.note(f"first update: a snapshot of {len(update['quotes'])} quotes")
        if update["feed"] != self.feed:
            self.feed = update["feed"]
            self.note(f"quotes say: feed [bold]{self.feed}[/]")

    def take_providers(self, statuses: list[dict[str, Any]]) -> None:
        """Tell of each new state of a source."""
        for status in statuses:
            line = f"providers say: {status['name']} [bold]{status['state']}[/]"
            if status["loginUrl"]:
                line += f", log in at {status['loginUrl']}"
            opened = [each["capability"] for each in status["breakers"] if each["state"] != "CLOSED"]
            if opened:
                line += f", breaker open for {', '.join(opened)}"
            if line != self.providers.get(status["name"]):
                self.providers[status["name"]] = line
                self.note(line)

    @property
    def flows(self) -> bool:
        """Whether the newest quote is the first choice's own."""
        return bool(self.feed == "LIVE" and self.last and self.last["fallbackReason"] is None)


async def break_and_mend(stage: Stage) -> None:
    """All of it, over one socket with two subscriptions."""
    console.print(f"Subscribing to {len(LIVE_IDS)} instruments over graphql-transport-ws:")
    seen = Seen()
    async with stage.graphql_socket() as ws, anyio.create_task_group() as tasks:
        for name, query in (("live", LIVE), ("providers", PROVIDERS)):
            payload = {"query": query, "variables": {"ids": LIVE_IDS} if name == "live" else {}}
            await ws.send(orjson.dumps({"id": name, "type": "subscribe", "payload": payload}).decode())
        tasks.start_soon(_listen, ws, seen)
        await _drop_the_socket(stage, seen)
        await _cut_off(stage, seen)
        await _take_down(stage, seen)
        seen.note(f"the same subscription all the while: {seen.updates} updates, sequence {seen.sequence}")
        tasks.cancel_scope.cancel()


async def _listen(ws: ClientConnection, seen: Seen) -> None:
    """Take what comes until cancelled."""
    async for message in ws:
        body = orjson.loads(message)
        if body["type"] != "next":
            continue
        data = body["payload"]["data"]
        if body["id"] == "live":
            seen.take_quotes(data["quotes"])
        else:
            seen.take_providers(data["providers"])


async def _drop_the_socket(stage: Stage, seen: Seen) -> None:
    await anyio.sleep(SECONDS_BEFORE_FAULTS)
    seen.note(f"{seen.updates} updates with {seen.quotes} quotes so far")
    seen.note("[red]killing the sandbox's socket[/]")
    await stage.fault(kind="drop_socket")
    await anyio.sleep(0.3)
    await _until_live(seen)


async def _cut_off(stage: Stage, seen: Seen) -> None:
    """Without a login Kite says nothing at all: Yahoo stands in, says so, and leaves when Kite is back."""
    seen.note("[red]cutting Kite off: its token is dead, its socket gone[/]")
    await stage.fault(kind="dead_token")
    await stage.fault(kind="drop_socket")
    with anyio.fail_after(STAND_IN_SECONDS):
        while not seen.last["fallbackReason"]:  # noqa: ASYNC110 - a look at what came is enough here
            await anyio.sleep(0.05)
    quote = seen.last
    seen.note(f"the subscription goes on: {quote['id']} {quote['lastPrice']:,.2f} [bold]{quote['freshness']}[/]")
    seen.note(f"  fallbackReason: {quote['fallbackReason']}")
    await _cold(stage, seen, "NSE:WIPRO")
    seen.note("[green]logging in again, as a person would[/]")
    await log_in(stage.service)
    await _until_live(seen)
    await _cold(stage, seen, "NSE:WIPRO")


async def _take_down(stage: Stage, seen: Seen) -> None:
    """A source that failed three times is left alone for a while: no caller waits for it."""
    seen.note("[red]Kite's REST answers 503 to everything[/]")
    await stage.fault(kind="http_error")
    *failing, well = UNASKED
    for share in failing:
        await _cold(stage, seen, share)
    wait = await _show_breakers(stage)
    seen.note(f"[green]Kite's REST is well again[/]; in {wait:.1f} s one call is let through to see")
    await stage.mend()
    await anyio.sleep(wait)
    await _cold(stage, seen, well)
    await anyio.sleep(0.2)


async def _cold(stage: Stage, seen: Seen, instrument_id: str) -> None:
    """A query past the stream and past what is remembered."""
    began = time.monotonic()
    answer = await stage.ask(COLD, id=instrument_id)
    took = f"{1000 * (time.monotonic() - began):.0f} ms"
    quote = answer["data"]["quote"]
    if quote is None:
        seen.note(f"query {instrument_id}: {answer['errors'][0]['extensions']} ({took})")
        return
    price = f"{quote['lastPrice']:,.2f} [bold]{quote['freshness']}[/] of {quote['exchangeTime'][11:19]}"
    seen.note(f"query {instrument_id}: {price}, {took}")
    if quote["fallbackReason"]:
        seen.note(f"  fallbackReason: {quote['fallbackReason']}")


async def _show_breakers(stage: Stage) -> float:
    """Each circuit. Gives the seconds until the last of the open ones lets a call through."""
    table = Table("source", "stream", "capability", "breaker", "failures", "next try in", "problem", title="providers")
    longest = 0
    for status in (await stage.ask(STATES))["data"]["providers"]:
        for each in status["breakers"]:
            longest = max(longest, each["retryInMs"])
            wait = f"{each['retryInMs']} ms" if each["retryInMs"] else ""
            row = each["capability"], each["state"], str(each["failures"]), wait, each["problem"] or ""
            table.add_row(status["name"], status["state"], *row)
    console.print(table)
    return longest / 1000


async def _until_live(seen: Seen) -> None:
    """Returns when the first choice's own updates flow again. Raises TimeoutError."""
    with anyio.fail_after(RECOVERY_SECONDS):
        before = seen.updates
        while not seen.flows or seen.updates < before + 3:  # noqa: ASYNC110 - a look at counters is enough here
            await anyio.sleep(0.05)
