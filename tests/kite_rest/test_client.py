"""Every REST call over a real socket: what goes out, what comes back, and what a strange answer becomes."""

import logging
from collections.abc import AsyncIterator

import anyio
import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse

from app.domain.errors import (
    InvalidInput,
    LoginRequired,
    MalformedPayload,
    RateLimited,
    SourceError,
    SourceTimeout,
    SourceUnavailable,
)
from app.domain.provenance import DataSource
from app.domain.spending import counted_requests
from app.providers.kite.config import KiteConfig, Patience
from app.providers.kite.limits import Endpoint
from tests.kite_rest.conftest import LOGIN_URL, SECRET, TOKEN
from tests.kite_rest.fake_kite import failure, success
from tests.support.patience import PATIENCE
from tests.support.ports import silent_port

LONG = Patience(connect=PATIENCE, read=PATIENCE, answer=PATIENCE, master=PATIENCE)
SHORT = Patience(connect=0.3, read=0.3, answer=0.6, master=0.6)


def profile(kite):
    """Some call."""
    return kite.fetch("user.profile")


def json(body: bytes, status: int = 200) -> Response:
    """A body that claims to be JSON."""
    return Response(body, status_code=status, media_type="application/json")


async def test_a_call_carries_version_key_and_token_and_gives_the_data(kite, fake, calls):
    """The vendor's own headers, through our transport."""
    fake.usual = success({"user_id": "AB1234"})
    assert await kite.client.call(Endpoint.PROFILE, profile) == {"user_id": "AB1234"}
    assert fake.authorizations == [f"token key:{TOKEN}"]
    assert fake.requests[0].headers["x-kite-version"] == "3"
    assert (kite.client.calls, calls) == (1, [("profile", "ok")])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (failure(403, "TokenException"), LoginRequired),
        (failure(403, "PermissionException"), SourceError),
        (failure(400, "InputException"), InvalidInput),
        (failure(400, "UserException"), SourceUnavailable),
        (failure(429, "NetworkException"), RateLimited),
        (failure(429, "GeneralException"), RateLimited),
        (failure(503, "NetworkException"), SourceUnavailable),
        (failure(502, "DataException"), SourceUnavailable),
        (failure(500, "GeneralException"), SourceUnavailable),
        (failure(500, None), MalformedPayload),
        (failure(500, "KiteException"), SourceUnavailable),
        (failure(500, "__name__"), MalformedPayload),
        (HTMLResponse("<h1>upstream-words</h1>", status_code=502), SourceUnavailable),
        (HTMLResponse("<h1>upstream-words</h1>", status_code=429), RateLimited),
        (HTMLResponse("<h1>upstream-words: log in to this wifi</h1>"), MalformedPayload),
        (Response(b"upstream-words"), MalformedPayload),
        (json(b'{"status": "upstream-words'), MalformedPayload),
        (json(b'["upstream-words"]'), MalformedPayload),
        (json(b'"upstream-words"'), MalformedPayload),
        (json(b"null"), MalformedPayload),
        (json(b"{}"), MalformedPayload),
        (json(b""), MalformedPayload),
        (json(b"\xff\xfe\x00"), MalformedPayload),
        (json(b"[" * 100_000), MalformedPayload),
        (json(b'{"data": ' + b"9" * 5_000 + b"}"), MalformedPayload),
        (RedirectResponse("https://example.com/upstream-words"), SourceUnavailable),
    ],
)
async def test_a_strange_answer_becomes_an_error_of_ours_without_its_words(kite, fake, calls, answer, expected):
    """The table of upstream.md 1.5 and more, over a real socket; nothing of the vendor's is chained to it."""
    fake.usual = answer
    with pytest.raises((SourceError, InvalidInput)) as caught:
        await kite.client.call(Endpoint.PROFILE, profile)
    assert type(caught.value) is expected
    assert "upstream-words" not in caught.value.message
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    requests = 2 if expected is RateLimited else 1
    assert len(fake.requests) == requests
    assert calls == [("profile", expected.code)] * requests


async def test_one_429_within_the_budget_is_asked_once_more(kite, fake):
    """Two requests that left a second apart may arrive closer together: no caller needs to know."""
    fake.script.append(failure(429, "NetworkException", "Too many requests"))
    fake.usual = json(b'{"status": "success", "data": {}}')
    await kite.client.call(Endpoint.PROFILE, profile)
    assert len(fake.requests) == 2


async def test_a_429_holds_the_class_back(kite, fake):
    """Later calls of the same class wait; other classes do not."""
    fake.usual = failure(429, "NetworkException", "Too many requests")
    with counted_requests() as spending, pytest.raises(RateLimited) as caught:
        await kite.client.call(Endpoint.HISTORICAL, profile)
    assert spending.requests == len(fake.requests) > 0
    assert caught.value.retry_after_ms == 1000
    available = {budget.endpoint: budget.available_now for budget in kite.budgets.status()}
    assert available["historical"] == 0
    assert available["quote"] > 0


async def test_without_a_token_nothing_is_sent(build, fake):
    """The error says where to log in."""
    kite = build(fake.url, token=None)
    with pytest.raises(LoginRequired) as caught:
        await kite.client.call(Endpoint.QUOTE, profile)
    assert caught.value.login_url == LOGIN_URL
    assert fake.requests == []
    assert kite.client.calls == 0


async def test_a_dead_token_is_reported_and_the_next_call_is_refused_here(kite, fake):
    """The owner of the session takes it away; Kite is not asked again."""
    fake.usual = failure(403, "TokenException")
    refused: list[str] = []
    kite.tokens.on_rejected(refused.append)
    kite.tokens.on_rejected(lambda _: kite.tokens.replace(None))
    for _ in range(2):
        with pytest.raises(LoginRequired):
            await kite.client.call(Endpoint.PROFILE, profile)
    assert refused == [TOKEN]
    assert len(fake.requests) == 1


async def test_a_call_that_was_under_way_while_the_token_changed_is_asked_again(kite, fake):
    """The old token's refusal arrives after the new token: no error reaches anyone."""

    async def replace_then_refuse(_: Request) -> Response:
        kite.tokens.replace("newer-token")
        return failure(403, "TokenException")

    refused: list[str] = []
    kite.tokens.on_rejected(refused.append)
    fake.script.append(replace_then_refuse)
    fake.usual = success({"user_id": "AB1234"})
    assert await kite.client.call(Endpoint.PROFILE, profile) == {"user_id": "AB1234"}
    assert fake.authorizations == [f"token key:{TOKEN}", "token key:newer-token"]
    assert refused == []


async def test_a_new_token_holds_from_the_next_call(kite, fake):
    """Without a restart, with a new object: threads that run keep the old one."""
    fake.usual = success({})
    await kite.client.call(Endpoint.PROFILE, profile)
    kite.tokens.replace("newer-token")
    await kite.client.call(Endpoint.PROFILE, profile)
    assert fake.authorizations == [f"token key:{TOKEN}", "token key:newer-token"]


async def test_a_silent_server_is_a_timeout(build, fake):
    """Nothing within the read timeout."""

    async def stall(_: Request) -> Response:
        await anyio.sleep(1)
        return success({})

    fake.usual = stall
    with pytest.raises(SourceTimeout):
        await build(fake.url, patience=SHORT).client.call(Endpoint.PROFILE, profile)


async def test_a_server_that_drips_cannot_hold_a_thread(build, fake):
    """Each byte arrives in time, the answer does not: the thread itself ends, by the deadline."""

    async def drip(_: Request) -> Response:
        async def bytes_slowly() -> AsyncIterator[bytes]:
            for _ in range(300):
                yield b" "
                await anyio.sleep(0.1)

        return StreamingResponse(bytes_slowly(), media_type="application/json")

    fake.usual = drip
    kite = build(fake.url, patience=SHORT)
    with anyio.fail_after(PATIENCE), pytest.raises(SourceTimeout):
        await kite.client.call(Endpoint.PROFILE, profile)
    assert kite.client._threads.borrowed_tokens == 0


async def test_an_answer_that_breaks_off_is_unavailable(kite, fake):
    """Fewer bytes than announced."""

    async def break_off(_: Request) -> Response:
        async def half() -> AsyncIterator[bytes]:
            yield b'{"data": '
            await anyio.sleep(0.05)
            raise ConnectionAbortedError

        return StreamingResponse(half(), media_type="application/json", headers={"content-length": "100"})

    fake.usual = break_off
    with pytest.raises(SourceUnavailable):
        await kite.client.call(Endpoint.PROFILE, profile)


async def test_an_endless_answer_is_cut(build, fake, monkeypatch):
    """By size: memory is bounded."""
    monkeypatch.setattr("app.providers.kite.transport.MAX_ANSWER_BYTES", 100_000)
    fake.usual = json(b" " * 200_000)
    with pytest.raises(MalformedPayload):
        await build(fake.url).client.call(Endpoint.PROFILE, profile)


async def test_a_closed_port_is_unavailable(build):
    """Refused is not a timeout."""
    with silent_port() as port, pytest.raises(SourceUnavailable):
        await build(f"http://127.0.0.1:{port}").client.call(Endpoint.PROFILE, profile)


async def test_a_server_without_tls_behind_https_is_refused(build, fake):
    """TLS is always verified."""
    with pytest.raises(SourceUnavailable) as caught:
        await build(fake.url.replace("http://", "https://")).client.call(Endpoint.PROFILE, profile)
    assert "certificate" in caught.value.message


async def test_a_cancelled_call_leaves_the_client_usable(build, fake):
    """The thread ends by itself; nothing waits for it. The request went out, and Kite owes the answer."""
    arrived, released = anyio.Event(), anyio.Event()

    async def hold(_: Request) -> Response:
        arrived.set()
        await released.wait()
        return success({})

    kite = build(fake.url, patience=LONG)
    fake.script.append(hold)
    fake.usual = success({"user_id": "AB1234"})
    with anyio.fail_after(PATIENCE), counted_requests() as spending:
        async with anyio.create_task_group() as group:
            group.start_soon(kite.client.call, Endpoint.PROFILE, profile)
            await arrived.wait()
            group.cancel_scope.cancel()
        assert await kite.client.call(Endpoint.PROFILE, profile) == {"user_id": "AB1234"}
        released.set()
    assert (spending.requests, spending.was_left_waiting) == (2, True)


async def test_a_call_that_waits_for_our_own_budget_is_not_owed_by_kite(kite, fake):
    """Who gives it up there has waited for nobody but us, and nothing was sent."""
    kite.budgets.refused("other")
    with counted_requests() as spending:
        async with anyio.create_task_group() as group:
            group.start_soon(kite.client.call, Endpoint.PROFILE, profile)
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
    assert (spending.requests, spending.was_left_waiting, fake.requests) == (0, False, [])


@pytest.fixture
def meddling_machine(tmp_path, monkeypatch) -> None:
    """A machine with a ~/.netrc and a proxy."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")


async def test_netrc_and_proxies_of_the_machine_are_not_used(meddling_machine, build, fake):
    """A line in ~/.netrc would replace Kite's Authorization header."""
    fake.usual = success({})
    await build(fake.url).client.call(Endpoint.PROFILE, profile)
    assert fake.authorizations == [f"token key:{TOKEN}"]


async def test_cookies_are_not_kept(kite, fake):
    """The session is shared by threads: nothing in it changes."""
    answer = success({})
    answer.set_cookie("kf_session", "x")
    fake.usual = answer
    await kite.client.call(Endpoint.PROFILE, profile)
    await kite.client.call(Endpoint.PROFILE, profile)
    assert "cookie" not in fake.requests[1].headers


async def test_no_secret_reaches_the_log_even_at_debug(kite, fake, caplog):
    """urllib3 logs whole addresses at DEBUG, and the one that ends a session holds the token."""
    caplog.set_level(logging.DEBUG)
    fake.usual = success(True)
    await kite.client.call(Endpoint.PROFILE, profile)
    await kite.login.invalidate(TOKEN)
    fake.usual = failure(403, "TokenException")
    with pytest.raises(LoginRequired):
        await kite.client.call(Endpoint.PROFILE, profile)
    assert len(fake.requests) == 3
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("uvicorn")]  # the fake's
    assert TOKEN not in " ".join(ours)
    assert SECRET not in repr(kite)
    assert TOKEN not in repr(kite)


@pytest.mark.parametrize("url", ["https://api.kite.trade/v3", "api.kite.trade", "ftp://api.kite.trade", "http://", ""])
def test_an_address_that_the_vendor_would_bend_is_refused(url):
    """Kiteconnect silently drops a path."""
    with pytest.raises(ValueError, match="KITE_API_URL"):
        KiteConfig("key", SECRET, url, "https://login", LOGIN_URL, DataSource.KITE)


async def test_a_plain_text_404_is_unavailable(kite, fake):
    """A proxy's word, not Kite's."""
    fake.usual = PlainTextResponse("upstream-words", status_code=404)
    with pytest.raises(SourceUnavailable):
        await kite.client.call(Endpoint.PROFILE, profile)
