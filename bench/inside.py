"""One request inside the process: what it costs between the server and the data. `python -m bench.inside [--profile]`.

The application as `app.main` builds it is called with the messages of a server, without a socket: fifty streamed quotes
with twelve fields, and the smallest query there is. A Starlette route that somebody wrote by hand for the same fields
stands beside them, since microseconds differ from hour to hour and ratios do not.
"""

import asyncio
import cProfile
import pstats
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from statistics import median
from time import process_time
from typing import Annotated

import anyio
import orjson
import typer
import uvloop
from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message

from app.domain.feeds import FeedState, FeedStatus
from app.domain.garbage import exempt_what_lives
from app.domain.instruments import Exchange, Instrument, InstrumentKind
from app.domain.provenance import DataSource
from app.domain.quotes import Quote
from app.http.hosts import LoopbackHosts
from app.http.origins import AllowedOrigins, Cors
from app.http.request_ids import RequestIds
from app.logs import configure_logs, secrets_of
from app.main import Endpoints
from app.parts import Runtime
from app.ports import TickSink
from app.runtime import open_runtime
from app.services.instruments.master import MasterRecord
from app.services.instruments.service import RECORD
from app.services.quotes.service import QuoteService
from app.settings import Settings
from app.store.instruments import SqlInstrumentStore
from app.store.settings import SqlSettingStore
from app.streaming.feed import LiveFeed
from bench.subject import QUOTE_IDS, QUOTES

CALLS, ROUNDS = 60, 30
NAMES = ("id", "last_price", "open", "high", "low", "previous_close", "change", "change_percent", "volume")
FIELDS = (*NAMES, "average_price", "received_at", "source")


class StillTicks:
    """A TickSource that is live and carries everything, and has no ticks of its own."""

    source, capacity, packets = DataSource.SANDBOX, 1_000, 0

    def __init__(self, status: FeedStatus) -> None:
        self._status = status

    async def run(self, sink: TickSink) -> None:
        """Say that it is live."""
        sink.feed_changed(self._status, interrupted=False)
        await anyio.sleep_forever()

    def want(self, _: object) -> None:
        """It carries everything anyway."""


@asynccontextmanager
async def service(folder: Path) -> AsyncIterator[tuple[ASGIApp, LiveFeed]]:
    """The application with fifty streamed quotes, logging to nowhere at its default level."""
    settings = Settings(data_dir=folder, calendar="always-open", kite_api_url="http://127.0.0.1:1")
    nowhere = await to_thread.run_sync(Path("/dev/null").open, "w")
    configure_logs(level="INFO", log_format=settings.log_format, secrets=secrets_of(settings), stream=nowhere)
    async with open_runtime(settings) as runtime, anyio.create_task_group() as tasks:
        feed = await streaming(runtime, tasks.start_soon)
        quotes = QuoteService(runtime.kite.quotes, feed, runtime.clock)
        origins = AllowedOrigins("", settings.base_url)
        endpoints = await to_thread.run_sync(Endpoints, replace(runtime, feed=feed, quotes=quotes), origins)
        yield RequestIds(LoopbackHosts(Cors(endpoints, allowed=origins), own=settings.base_url)), feed
        tasks.cancel_scope.cancel()
    nowhere.close()


async def streaming(runtime: Runtime, start: Callable[..., object]) -> LiveFeed:
    """A feed with a quote of each instrument, and a master that knows them."""
    now = runtime.clock.now()
    shares = [
        Instrument(
            key, Exchange.NSE, key[4:], None, InstrumentKind.EQUITY, "NSE", token, 1, 0.05, 1, None, None, None, "INR"
        )
        for token, key in enumerate(QUOTE_IDS, start=1)
    ]  # fmt: skip
    await SqlInstrumentStore(runtime.database, runtime.clock).replace_master(shares, seen_on=now.date())
    record = MasterRecord(runtime.settings.source, now, "-")
    await SqlSettingStore(runtime.database, runtime.clock).put(RECORD, record.to_json())
    await runtime.instruments.load()
    feed = LiveFeed(StillTicks(FeedStatus(FeedState.LIVE, now)), clock=runtime.clock)
    start(feed.run)
    feed.keep_hot(shares)
    while feed.subscribed_instruments < len(shares):  # noqa: ASYNC110 - the feed tells nobody
        await anyio.sleep(0.01)
    numbers = (99.5, 100.5, 101.25, 98.7, 99.9, 0.6, 0.6006, 1_234_567, 100.12)
    last, *rest = numbers
    names = ("open", "high", "low", "previous_close", "change", "change_percent", "volume", "average_price")
    known = dict(zip(names, rest, strict=True))
    feed.publish_quotes([Quote(key, last, DataSource.SANDBOX, now, **known) for key in QUOTE_IDS])  # type: ignore[arg-type]
    return feed


def by_hand(feed: LiveFeed) -> ASGIApp:
    """The same answer without GraphQL."""
    read = attrgetter(*FIELDS)

    async def quotes(request: Request) -> Response:
        ids = orjson.loads(await request.body())["variables"]["ids"]
        rows = [dict(zip(FIELDS, read(feed.latest(key)), strict=True)) for key in ids]
        return Response(orjson.dumps({"quotes": rows}), media_type="application/json")

    return Starlette(routes=[Route("/graphql", quotes, methods=["POST"])])


async def ask(app: ASGIApp, body: bytes) -> bytes:
    """One request with the headers of an ordinary client; the answer's body."""
    sent: list[Message] = []
    headers = {"host": "localhost", "content-type": "application/json", "accept": "*/*", "content-length": len(body)}

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "root_path": "", "state": {},
        "client": ("127.0.0.1", 1), "headers": [(name.encode(), str(each).encode()) for name, each in headers.items()],
    }  # fmt: skip
    await app(scope, receive, send)
    return bytes(sent[1]["body"])


async def measure(*, profile: bool) -> None:
    """Print the table, or the profile of fifty quotes."""
    with tempfile.TemporaryDirectory() as folder:
        async with service(Path(folder)) as (app, feed):
            fifty = orjson.dumps({"query": QUOTES, "variables": {"ids": QUOTE_IDS}})
            cases = {"by hand": (by_hand(feed), fifty), "50 quotes": (app, fifty)}
            cases["smallest"] = (app, orjson.dumps({"query": "{ __typename }"}))
            assert orjson.loads(await ask(app, fifty))["data"]["quotes"][-1]["id"] == QUOTE_IDS[-1]  # noqa: S101
            exempt_what_lives()
            if profile:
                await show_profile(app, fifty)
                return
            seen: dict[str, list[float]] = {name: [] for name in cases}
            for _ in range(ROUNDS):
                for name, (asked, body) in cases.items():
                    began = process_time()
                    for _ in range(CALLS):
                        await ask(asked, body)
                    seen[name].append((process_time() - began) / CALLS * 1e6)
            for name, times in seen.items():
                ratio = median(times) / median(seen["by hand"])
                typer.echo(f"{name:10} {median(times):7.1f} us of CPU, {ratio:.2f} x by hand; best {min(times):.1f}")


async def show_profile(app: ASGIApp, body: bytes) -> None:
    """Where the time goes, function by function."""
    with cProfile.Profile() as profiler:
        for _ in range(CALLS * ROUNDS):
            await ask(app, body)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(40)


def main(*, profile: Annotated[bool, typer.Option(help="Show where the time goes.")] = False) -> None:
    """Measure one request inside the process."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(profile=profile))


if __name__ == "__main__":
    typer.run(main)
