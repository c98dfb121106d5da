"""What goes over the wire and what comes of each failure, over real sockets."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import anyio
import pytest
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from app.clock import SystemClock
from app.domain.errors import (
    MalformedPayload,
    MarketDataError,
    NotPriced,
    RateLimited,
    SourceError,
    SourceTimeout,
    SourceUnavailable,
)
from app.domain.provenance import DataSource
from app.domain.spending import counted_requests
from app.providers.budget import Allowance, SourceBudgets
from app.providers.yahoo.adapter import Yahoo, build_yahoo
from app.providers.yahoo.config import Patience, YahooConfig
from app.providers.yahoo.limits import Endpoint
from tests.kite_ticker.test_dial import SelfSigned
from tests.support.patience import PATIENCE
from tests.support.ports import silent_port
from tests.yahoo.conftest import LONG, NO_LIMITS
from tests.yahoo.fake_yahoo import FakeYahoo, html, quote_row, quotes, refusal
from tests.yahoo.samples import INFY, RELIANCE, SUMMARY


async def ask(yahoo: Yahoo) -> float:
    """The price of INFY."""
    return (await yahoo.quotes.quotes([INFY])).quotes[INFY.id].last_price


async def test_a_first_call_gets_cookie_and_crumb_once(fake: FakeYahoo, yahoo: Yahoo, calls: list[tuple[str, str]]):
    """Three requests cold, one warm, each of them told and counted."""
    batch = await yahoo.quotes.quotes([INFY])
    assert [request.url.path for request in fake.requests] == ["/fc", "/v1/test/getcrumb", "/v7/finance/quote"]
    assert batch.upstream_calls == yahoo.client.calls == 3
    assert (await yahoo.quotes.quotes([INFY])).upstream_calls == 1
    assert calls == [("yahoo_session", "ok")] * 2 + [("yahoo_quote", "ok")] * 2
    assert fake.requests[-1].cookies["A3"] == "d=AQABBL&S=AQAAAp"
    assert "Mozilla" in fake.requests[-1].headers["user-agent"]


async def test_a_stale_crumb_is_renewed_within_the_call(fake: FakeYahoo, yahoo: Yahoo):
    """The caller never sees the 401."""
    await ask(yahoo)
    fake.crumb = "Another1.xY"
    assert await ask(yahoo) == 1523.4


async def test_a_crumb_that_is_refused_again_is_an_error_and_the_next_call_works(fake: FakeYahoo, yahoo: Yahoo):
    """One refresh, no more: a refused call takes a bounded number of requests."""
    fake.crumb_answer = PlainTextResponse("WrongCrumb1")
    with pytest.raises(SourceUnavailable, match="crumb"):
        await ask(yahoo)
    assert fake.counts["quote"] == 2
    assert len(fake.requests) <= 8
    fake.crumb_answer = None
    assert await ask(yahoo) == 1523.4


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (html(502), SourceUnavailable),
        (html(200), MalformedPayload),
        (PlainTextResponse("Too Many Requests\r\n", status_code=429), RateLimited),
        (JSONResponse({"quoteResponse": []}), MalformedPayload),
        (JSONResponse([1]), MalformedPayload),
        (JSONResponse({"quoteResponse": {"result": None, "error": None}}), MalformedPayload),
        (refusal("finance", 500, "internal-error", "secret words"), SourceUnavailable),
        (refusal("quoteResponse", 400, "Bad Request", "secret words"), SourceError),
    ],
)
async def test_each_failure_has_its_error_costs_one_request_and_the_next_call_works(
    fake: FakeYahoo, yahoo: Yahoo, answer: Response, expected: type[MarketDataError]
):
    """Yfinance alone would send six for each; and would remember some of them for ever."""
    await ask(yahoo)
    fake.script.append(answer)
    before = len(fake.requests)
    with pytest.raises(expected) as caught:
        await ask(yahoo)
    assert len(fake.requests) == before + 1
    assert type(caught.value) is expected
    assert not any(words in caught.value.message for words in ("secret", "html", fake.crumb))
    assert await ask(yahoo) == 1523.4


async def test_a_server_that_failed_first_is_asked_again_for_the_very_same(fake: FakeYahoo, yahoo: Yahoo):
    """The cache of yfinance keeps failures for ever; nothing of ours goes through it."""
    fake.script.extend([html(503), refusal("quoteSummary", 404, "Not Found", "No data found")])
    with pytest.raises(SourceUnavailable):
        await yahoo.fundamentals.fundamentals(INFY)
    with pytest.raises(NotPriced):
        await yahoo.fundamentals.fundamentals(INFY)
    fake.usual = JSONResponse(SUMMARY)
    assert (await yahoo.fundamentals.fundamentals(INFY)).sector == "Technology"
    from yfinance.data import YfData  # noqa: PLC0415 -- the provider has imported it by now

    assert YfData.cache_get.cache_info().currsize == 0


@pytest.mark.parametrize("answer", [html(503), html(200), PlainTextResponse("x" * 100)])
async def test_a_page_in_the_place_of_the_crumb_is_never_sent_on(fake: FakeYahoo, yahoo: Yahoo, answer: Response):
    """Yfinance takes any text for a crumb."""
    fake.crumb_answer = answer
    with pytest.raises((SourceUnavailable, MalformedPayload)):
        await ask(yahoo)
    assert fake.counts["quote"] == 0
    fake.crumb_answer = None
    assert await ask(yahoo) == 1523.4


async def test_an_outage_of_the_cookies_page_ends_with_it(fake: FakeYahoo, yahoo: Yahoo):
    """Its page brings no cookie, so no crumb either; that must not be believed once Yahoo is back."""

    def crumb(request: Request) -> Response:
        known = "A3" in request.cookies
        return PlainTextResponse(fake.crumb) if known else refusal("finance", 401, "Unauthorized", "Invalid Cookie")

    fake.crumb_answer, fake.cookie_answer = crumb, html(503)
    for _ in range(2):
        with pytest.raises(SourceUnavailable, match="cookie and crumb"):
            await ask(yahoo)
    assert fake.counts["quote"] == 0
    fake.cookie_answer = None
    assert await ask(yahoo) == 1523.4
    assert await ask(yahoo) == 1523.4
    assert fake.counts["session"] == 6, "two for each call that had no crumb"


async def test_a_429_for_the_crumb_ends_the_call(fake: FakeYahoo, yahoo: Yahoo):
    """Not a request more goes to a server that has had enough."""
    fake.crumb_answer = PlainTextResponse("Too Many Requests\r\n", status_code=429)
    with pytest.raises(RateLimited):
        await ask(yahoo)
    assert [request.url.path for request in fake.requests] == ["/fc", "/v1/test/getcrumb"]


async def test_a_429_holds_back_every_class(fake: FakeYahoo, yahoo: Yahoo):
    """Yahoo counts by address, not by endpoint."""
    fake.script.append(PlainTextResponse("Too Many Requests", status_code=429))
    with counted_requests() as spending, pytest.raises(RateLimited) as caught:
        await ask(yahoo)
    assert spending.requests == len(fake.requests) == 3, "cookie, crumb, and what was refused"
    assert caught.value.retry_after_ms > 0
    assert {budget.available_now for budget in yahoo.budgets.status()} == {0.0}


async def test_requests_for_cookies_are_paid_from_their_own_budget(fake: FakeYahoo):
    """With nothing left for them the call is refused, not sent."""
    clock = SystemClock()
    allowances = {**NO_LIMITS, Endpoint.SESSION.value: Allowance(per_second=1, default_wait=0.0)}
    config = YahooConfig(api_url=fake.url, stream_url="ws://127.0.0.1:9", patience=LONG)
    yahoo = build_yahoo(config, clock=clock, budgets=SourceBudgets(allowances, clock))
    try:
        with pytest.raises(RateLimited):
            await ask(yahoo)
        assert [request.url.path for request in fake.requests] == ["/fc"]
    finally:
        yahoo.close()


async def test_a_slow_answer_is_a_timeout(fake: FakeYahoo, build: Callable[..., Yahoo]):
    """Within the patience, and the loop goes on meanwhile."""
    yahoo = build(fake.url, patience=Patience(connect=0.3, answer=0.3, first=0.0))
    await to_thread.run_sync(yahoo.client._open)
    fake.held = anyio.Event()
    with anyio.fail_after(PATIENCE), pytest.raises(SourceTimeout):
        await ask(yahoo)
    fake.held.set()


async def test_a_server_that_is_not_there_is_unavailable(build: Callable[..., Yahoo], calls: list[tuple[str, str]]):
    """Found out at the first request."""
    with silent_port() as port, pytest.raises(SourceUnavailable) as caught:
        await ask(build(f"http://127.0.0.1:{port}"))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert calls == [("yahoo_session", "SOURCE_UNAVAILABLE")]


async def test_a_certificate_that_nobody_vouches_for_gets_no_request(
    self_signed: SelfSigned, build: Callable[..., Yahoo]
):
    """Neither with a cookie nor without."""
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            heard.append(await reader.read(100))
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0, ssl=self_signed.server) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(SourceUnavailable, match="certificate"):
            await ask(build(f"https://127.0.0.1:{port}"))
    assert not any(heard)


async def test_an_answer_that_does_not_end_is_cut_off(fake: FakeYahoo, yahoo: Yahoo):
    """8 MB are no answer of Yahoo's."""
    fake.script.append(Response(b" " * (9 << 20), media_type="application/json"))
    with pytest.raises(MalformedPayload, match="more than"):
        await ask(yahoo)
    assert await ask(yahoo) == 1523.4


async def test_no_redirect_leads_to_another_host(fake: FakeYahoo, yahoo: Yahoo):
    """Nor in a circle."""
    fake.script.append(RedirectResponse("https://example.com/quote"))
    with pytest.raises(SourceUnavailable, match="another host"):
        await ask(yahoo)
    fake.usual = RedirectResponse("/v7/finance/quote?crumb=" + fake.crumb)
    with pytest.raises(SourceUnavailable, match="without end"):
        await ask(yahoo)


async def test_a_proxy_of_the_environment_is_not_asked_for_a_simulation(yahoo: Yahoo, monkeypatch: pytest.MonkeyPatch):
    """It lies on this side of it."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert await ask(yahoo) == 1523.4


async def test_nobody_can_replace_our_session(fake: FakeYahoo, yahoo: Yahoo):
    """`yf.download` swaps the session of yfinance's singleton under everyone; ours is not that one."""
    await ask(yahoo)

    def swap() -> None:
        from curl_cffi.requests import Session  # noqa: PLC0415 -- a vendor is imported where it is used
        from yfinance.data import SingletonMeta, YfData  # noqa: PLC0415 -- the same

        YfData(session=Session())
        SingletonMeta._instances.clear()

    await to_thread.run_sync(swap)
    before = len(fake.requests)
    assert await ask(yahoo) == 1523.4
    assert len(fake.requests) == before + 1


async def test_nothing_is_kept_on_disk(yahoo: Yahoo):
    """Yfinance would open databases for cookies and time zones below the user's home."""
    await ask(yahoo)
    from yfinance import cache  # noqa: PLC0415 -- the provider has imported it by now

    assert (cache._CookieDBManager._db, cache._TzDBManager._db) == (None, None)


async def test_many_calls_at_once_share_cookie_and_crumb(fake: FakeYahoo, yahoo: Yahoo):
    """And each gets its own answer."""
    fake.usual = lambda request: quotes(
        *(quote_row(symbol, regularMarketPrice=len(symbol)) for symbol in request.query_params["symbols"].split(","))
    )
    prices: dict[str, float] = {}

    async def one(share_id: str) -> None:
        share = INFY if share_id == INFY.id else RELIANCE
        prices[share_id] = (await yahoo.quotes.quotes([share])).quotes[share_id].last_price

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(one, INFY.id)
            group.start_soon(one, RELIANCE.id)
    assert prices == {INFY.id: 7.0, RELIANCE.id: 11.0}
    assert fake.counts == {"session": 2, "quote": 8}


async def test_a_cancelled_call_harms_no_other(fake: FakeYahoo, yahoo: Yahoo):
    """Its thread ends by itself."""
    await ask(yahoo)
    before, fake.held = len(fake.requests), anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(ask, yahoo)
        with anyio.fail_after(PATIENCE):
            while len(fake.requests) == before:  # noqa: ASYNC110 -- another task's list fires no event
                await anyio.sleep(0.005)
        group.cancel_scope.cancel()
    fake.held.set()
    assert await ask(yahoo) == 1523.4


def test_the_label_follows_from_the_addresses():
    """It cannot be set."""
    real = YahooConfig()
    assert real.source is DataSource.YAHOO
    for api, stream in (
        ("http://query1.finance.yahoo.com", real.stream_url),
        ("https://query1.finance.yahoo.com.example", real.stream_url),
        ("https://notyahoo.com", real.stream_url),
        (real.api_url, "ws://streamer.finance.yahoo.com"),
        (real.api_url, "wss://127.0.0.1"),
    ):
        assert YahooConfig(api_url=api, stream_url=stream).source is DataSource.SANDBOX


@pytest.mark.parametrize("url", ["", "query1.finance.yahoo.com", "ftp://x", "https://"])
def test_an_address_that_is_none_ends_the_start(url: str):
    """Not the first call."""
    with pytest.raises(ValueError, match="YAHOO_API_URL"):
        YahooConfig(api_url=url)
