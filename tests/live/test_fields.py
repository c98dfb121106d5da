"""The subscriptions of the real schema as shared streams, over a feed that a test plays."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.feeds import FeedState
from app.streaming.live import LiveQuotes, LiveTicks
from schema.build import build_schema
from schema.context import RequestContext, Role, Services
from schema.execution.engine import Engine, Prepared
from schema.execution.records import GraphQLRequest, OperationRecord
from schema.live.sharing import STREAMS
from schema.live.streams import LiveStreams
from tests.live.tap import Client, settle
from tests.streaming.stage import Stage, a_quote, an_instrument, running_feed
from tests.streaming.test_live import ToldQuotes
from tests.support.virtual_time import VIRTUAL_TIME, LoopClock

RECORDS: list[OperationRecord] = []
SCHEMA = build_schema()
ENGINE = Engine(SCHEMA, on_operation=RECORDS.append)
IDS = ["NSE:A", "NSE:B", "NSE:C"]
QUOTES = "subscription($ids: [ID!]!){quotes(ids: $ids, throttleMs: 0){sequence snapshot feed quotes{id lastPrice}}}"
TICKS = "subscription($ids: [ID!]!, $after: Cursor){ticks(ids: $ids, after: $after){cursor missed gap ticks{volume}}}"


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """All of it is in memory."""
    return VIRTUAL_TIME


@dataclass
class Market:
    """A feed, and clients of the real fields."""

    stage: Stage
    live: LiveStreams
    services: Services
    tasks: asyncio.TaskGroup

    def join(self, query: str, **variables: Any) -> Client:
        """A new member."""
        context = RequestContext(self.services, Role.READER)
        serve = self.live.shared(prepared(query, ids=IDS, **variables), context)
        assert serve is not None
        client = Client()
        self.tasks.create_task(cast("Any", serve(client)))
        return client

    async def quote(self, symbol: str, price: float) -> None:
        """A packet of the stream; a higher price is a later one."""
        self.stage.feed.publish_quotes([a_quote(symbol, price)])
        await settle()


def prepared(query: str, **variables: Any) -> Prepared:
    """An operation of the real schema."""
    found = ENGINE.prepare(GraphQLRequest(query, variables))
    assert isinstance(found, Prepared), found
    return found


@asynccontextmanager
async def market() -> AsyncIterator[Market]:
    """Three instruments that have a price."""
    async with running_feed() as stage:
        told = ToldQuotes(prices={"A": 1.0, "B": 1.0, "C": 1.0})
        told.gate.set()
        services = SimpleNamespace(
            instruments=SimpleNamespace(
                catalogue=SimpleNamespace(find_each=lambda keys: [an_instrument(key[4:]) for key in keys])
            ),
            quotes=None,
            live_quotes=LiveQuotes(stage.feed, told, LoopClock()),
            live_ticks=LiveTicks(stage.feed),
        )
        live = LiveStreams(ENGINE, STREAMS, rights=lambda context: context.role)
        async with live.opened(), asyncio.TaskGroup() as tasks:
            yield Market(stage, live, cast("Services", services), tasks)
            for task in list(tasks._tasks):
                task.cancel()


def quotes_of(client: Client) -> list[dict[str, Any]]:
    """What a client of quotes was sent."""
    return [message["data"]["quotes"] for message in client.messages]


def test_every_subscription_is_shared() -> None:
    """A new one must be thought about."""
    fields = SCHEMA._schema.subscription_type
    assert fields is not None
    assert set(STREAMS) == set(fields.fields)


async def test_ticks_after_a_cursor_are_each_clients_own() -> None:
    """Its past is not that of the others; null is no cursor."""
    async with market() as it:
        context = RequestContext(it.services, Role.READER)
        assert it.live.shared(prepared(TICKS, ids=IDS, after="e:1"), context) is None
        assert it.live.shared(prepared(TICKS, ids=IDS, after=None), context) is not None


async def test_late_client_of_quotes_costs_nothing_upstream_and_knows_all() -> None:
    """One snapshot of all three with the present prices, then what the others get."""
    async with market() as it:
        early = it.join(QUOTES)
        for _ in range(8):
            await settle()
        for price in (2.0, 3.0):
            await it.quote("A", price)
        late = it.join(QUOTES)
        await settle()
        await it.quote("B", 4.0)

        first, second = quotes_of(late)
        assert (first["sequence"], first["snapshot"], first["feed"]) == (3, True, "LIVE")
        assert {quote["id"]: quote["lastPrice"] for quote in first["quotes"]} == {"NSE:A": 3, "NSE:B": 1, "NSE:C": 1}
        assert late.messages[0]["extensions"]["cost"] == {"upstreamCalls": 0, "fromStream": 0, "fromCache": 0}
        assert late.texts[-1] is early.texts[-1]
        assert (second["sequence"], second["snapshot"]) == (4, False)


async def test_after_a_break_of_the_feed_newcomers_get_their_snapshot_from_the_source() -> None:
    """Prices of before the break would be old news to them."""
    async with market() as it:
        it.join(QUOTES)
        for _ in range(60):
            await settle()
        it.stage.state(FeedState.STALLED, interrupted=True)
        await settle()
        late = it.join(QUOTES)
        for _ in range(8):
            await settle()
        (first,) = quotes_of(late)
        assert (first["sequence"], first["feed"]) == (1, "STALLED")
        assert late.messages[0]["extensions"]["cost"]["upstreamCalls"] == 1


Turn = st.tuples(st.sampled_from(["A", "B", "C"]), st.booleans(), st.booleans())


@settings(max_examples=40)
@given(st.lists(Turn, min_size=1, max_size=30), st.integers(0, 29))
def test_every_tick_comes_once_whenever_one_joins_and_however_slow_it_is(
    turns: list[tuple[str, bool, bool]], joins_at: int
) -> None:
    """The latecomer has all since the cursor of its first batch; who was slow has all."""
    first, slow, late, published = anyio.run(played, turns, joins_at, backend_options=VIRTUAL_TIME[1])
    assert volumes(first) == volumes(slow) == published
    assert batches(late)[0]["ticks"] == []
    assert volumes(late) == published[begins(late) - begins(first) :]
    assert {batch["missed"] for client in (first, slow, late) for batch in batches(client)} == {0}


async def played(turns: list[tuple[str, bool, bool]], joins_at: int) -> tuple[Client, Client, Client, list[int]]:
    """Ticks one by one; at each turn the slow client may be full, and time may pass."""
    async with market() as it:
        first, slow = it.join(TICKS), it.join(TICKS)
        late: Client | None = None
        published: list[int] = []
        await settle()
        for number, (symbol, full, pause) in enumerate(turns):
            if number == joins_at:
                late = it.join(TICKS)
            slow.full = full
            if not full:
                slow.drain()
            published += [tick.volume or 0 for tick in it.stage.tick(symbol)]
            if pause:
                await settle()
        late = late or it.join(TICKS)
        slow.drain()
        await settle()
        return first, slow, late, published


def batches(client: Client) -> list[dict[str, Any]]:
    """What a client of ticks was sent."""
    return [message["data"]["ticks"] for message in client.messages]


def begins(client: Client) -> int:
    """The position that the first batch tells."""
    return int(batches(client)[0]["cursor"].partition(":")[2])


def volumes(client: Client) -> list[int]:
    """The ticks of all batches, which their volumes number from 1."""
    return [tick["volume"] for tick in chain.from_iterable(batch["ticks"] for batch in batches(client))]
