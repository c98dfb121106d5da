"""The login page and the session, through the vendor's client and a plain browser."""

import stat
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from anyio import to_thread
from kiteconnect import KiteConnect
from kiteconnect.exceptions import InputException, TokenException

from app.domain.time import ist_datetime, to_ist
from app.sandbox.sessions import next_expiry
from tests.sandbox_server.tiny_market import TinyMarket
from tests.sandbox_server.vendor import VendorClient, vendor_client
from tests.support.clock import MONDAY_MORNING
from tests.support.sandbox import REDIRECT_URL, RunningSandbox, plain_client, running_sandbox


async def get(url: str, **params: str) -> httpx.Response:
    async with plain_client() as browser:
        return await browser.get(url, params=params or None)


async def post(url: str, **form: str) -> httpx.Response:
    async with plain_client() as browser:
        return await browser.post(url, data=form)


async def test_the_whole_login_gives_a_session_that_works(sandbox: RunningSandbox) -> None:
    """Button, redirect and exchange end in a token that opens the profile."""
    client = VendorClient(sandbox, None)

    session = await client.call("generate_session", await sandbox.request_token(), sandbox.api_secret)
    profile = await client.call("profile")

    assert session["user_id"] == profile["user_id"] == "AB1234"
    assert profile["user_name"] == "Sandbox User"
    assert session["refresh_token"] == ""
    assert session["login_time"].tzinfo is None
    assert abs((to_ist(sandbox.clock.now()).replace(tzinfo=None) - session["login_time"]).total_seconds()) < 5
    assert sandbox.count("session") == 1


async def test_the_page_is_labelled_and_has_a_button_and_a_way_out(sandbox: RunningSandbox) -> None:
    """A person sees SANDBOX, the user's name and a cancel link; no script runs from the query."""
    page = await get(sandbox.login_url, api_key=sandbox.api_key, v="3", redirect_params='state=a"><script>')

    assert page.status_code == 200
    assert page.headers["x-sandbox"] == "true"
    assert "SANDBOX" in page.text
    assert "Log in as Sandbox User" in page.text
    assert "status=cancelled" in page.text
    assert "<script>" not in page.text


async def test_the_vendors_login_url_leads_to_the_page(sandbox: RunningSandbox) -> None:
    """KiteConnect.login_url with our host in it shows the page."""
    kite = KiteConnect(sandbox.api_key)
    kite._default_login_uri = sandbox.login_url

    assert (await get(kite.login_url())).status_code == 200


async def test_a_login_returns_with_the_request_token_and_our_own_params(sandbox: RunningSandbox) -> None:
    """redirect_params is appended decoded, as Kite does."""
    answer = await post(sandbox.login_url, api_key=sandbox.api_key, redirect_params="state=abc.def&next=%2Fx")

    assert answer.status_code == 302
    location = answer.headers["location"]
    assert location.startswith(f"{REDIRECT_URL}?")
    assert location.endswith("&state=abc.def&next=%2Fx")
    query = dict(parse_qsl(urlsplit(location).query))
    assert (query["action"], query["type"], query["status"]) == ("login", "login", "success")
    assert len(query["request_token"]) == 32


async def test_a_wrong_api_key_gets_an_error_page(sandbox: RunningSandbox) -> None:
    """Neither the page nor the button works for a stranger's key."""
    for answer in (
        await get(sandbox.login_url, api_key="other", v="3"),
        await get(sandbox.login_url, api_key=sandbox.api_key, v="2"),
        await post(sandbox.login_url, api_key="other"),
    ):
        assert answer.status_code == 400
        assert "Invalid api_key" in answer.text


async def test_a_redirect_url_with_a_query_keeps_it(market: TinyMarket) -> None:
    """The answer is joined with & when the address has a query already."""
    async with running_sandbox(market=market, redirect_url="http://127.0.0.1:1/back?tenant=1") as sandbox:
        answer = await post(sandbox.login_url, api_key=sandbox.api_key)

    assert answer.headers["location"].startswith("http://127.0.0.1:1/back?tenant=1&action=login")


async def test_a_request_token_works_once(sandbox: RunningSandbox) -> None:
    """The second exchange of the same token is refused."""
    client, request_token = VendorClient(sandbox, None), await sandbox.request_token()
    await client.call("generate_session", request_token, sandbox.api_secret)

    with pytest.raises(TokenException, match="invalid or has expired") as caught:
        await client.call("generate_session", request_token, sandbox.api_secret)
    assert caught.value.code == 403


async def test_a_request_token_dies_after_a_few_minutes(sandbox: RunningSandbox) -> None:
    """Five minutes later it is worth nothing."""
    request_token = await sandbox.request_token()
    sandbox.clock.shift(seconds=301)

    with pytest.raises(TokenException, match="invalid or has expired"):
        await VendorClient(sandbox, None).call("generate_session", request_token, sandbox.api_secret)


async def test_a_wrong_secret_is_refused_and_costs_nothing(sandbox: RunningSandbox) -> None:
    """The checksum is verified; the right secret still works afterwards."""
    client, request_token = VendorClient(sandbox, None), await sandbox.request_token()

    with pytest.raises(TokenException, match="checksum"):
        await client.call("generate_session", request_token, "wrong")
    assert (await client.call("generate_session", request_token, sandbox.api_secret))["access_token"]


async def test_a_wrong_api_key_cannot_exchange(sandbox: RunningSandbox) -> None:
    """The key of the exchange is checked too."""
    kite = KiteConnect("other", root=sandbox.url)

    with pytest.raises(TokenException, match="api_key"):
        await to_thread.run_sync(kite.generate_session, await sandbox.request_token(), sandbox.api_secret)


async def test_an_incomplete_exchange_names_what_is_missing(sandbox: RunningSandbox) -> None:
    """A form without a checksum is a caller's error; one that is no form or too large too."""
    answer = await post(f"{sandbox.url}/session/token", api_key=sandbox.api_key, request_token="x")
    assert answer.status_code == 400
    assert answer.json()["error_type"] == "InputException"
    assert "checksum" in answer.json()["message"]
    async with plain_client() as client:
        for content in (b"\xff\xfe", b"x" * 20_000):
            assert (await client.post(f"{sandbox.url}/session/token", content=content)).status_code == 400


async def test_two_logins_give_two_sessions_and_both_work(sandbox: RunningSandbox) -> None:
    """A second login does not end the first."""
    first, second = await vendor_client(sandbox), await vendor_client(sandbox)

    assert first.kite.access_token != second.kite.access_token
    assert (await first.call("profile"))["user_id"] == (await second.call("profile"))["user_id"]


async def test_an_ended_session_is_refused(sandbox: RunningSandbox) -> None:
    """invalidate_access_token ends the session; ending it twice is refused."""
    client = await vendor_client(sandbox)
    assert await client.call("invalidate_access_token") is True

    with pytest.raises(TokenException) as caught:
        await client.call("profile")
    assert caught.value.code == 403
    with pytest.raises(TokenException):
        await client.call("invalidate_access_token")


async def test_a_session_dies_at_six_in_the_morning(sandbox: RunningSandbox) -> None:
    """A day later the token is dead and the vendor's expiry hook is called."""
    client, hooks = await vendor_client(sandbox), []
    client.kite.set_session_expiry_hook(lambda: hooks.append("expired"))
    sandbox.clock.shift(hours=24)

    with pytest.raises(TokenException):
        await client.call("profile")
    assert hooks == ["expired"]


def test_the_next_expiry_is_the_first_six_oclock_after_the_login() -> None:
    """A login at 05:59 lives a minute, one at 06:00 a day."""
    day = MONDAY_MORNING.date()

    assert next_expiry(ist_datetime(day, 5, 59)) == ist_datetime(day, 6)
    assert (next_expiry(ist_datetime(day, 6)) - ist_datetime(day, 6)).days == 1
    assert (next_expiry(MONDAY_MORNING) - ist_datetime(day, 6)).days == 1


async def test_missing_or_wrong_credentials_are_refused(sandbox: RunningSandbox) -> None:
    """No header, a wrong scheme, another key, a wrong token, no version: 403 TokenException each."""
    token = await sandbox.login()
    good = {"X-Kite-Version": "3", "Authorization": f"token {sandbox.api_key}:{token}"}
    bad = [
        {},
        {"Authorization": good["Authorization"]},
        good | {"X-Kite-Version": "2"},
        good | {"Authorization": f"Bearer {sandbox.api_key}:{token}"},
        good | {"Authorization": f"token other:{token}"},
        good | {"Authorization": f"token {sandbox.api_key}:x"},
        good | {"Authorization": "token"},
    ]
    async with plain_client(base_url=sandbox.url) as client:
        assert (await client.get("/user/profile", headers=good)).status_code == 200
        for headers in bad:
            answer = await client.get("/user/profile", headers=headers)
            assert answer.status_code == 403
            assert answer.json()["error_type"] == "TokenException"
            assert answer.json()["data"] is None


async def test_a_session_survives_a_restart_and_its_end_does_too(market: TinyMarket, tmp_path: Path) -> None:
    """With a session file the token of yesterday's process works; an ended one stays ended; the file is private."""
    file = tmp_path / "state" / "sessions.json"
    async with running_sandbox(market=market, session_file=file) as before:
        kept, ended = await vendor_client(before), await vendor_client(before)
        await ended.call("invalidate_access_token")

    content = await to_thread.run_sync(file.read_text)
    mode = (await to_thread.run_sync(file.stat)).st_mode
    async with running_sandbox(market=market, session_file=file) as after:
        assert (await VendorClient(after, kept.kite.access_token).call("profile"))["user_id"] == "AB1234"
        with pytest.raises(TokenException):
            await VendorClient(after, ended.kite.access_token).call("profile")
    assert kept.kite.access_token not in content
    assert stat.S_IMODE(mode) == 0o600


async def test_a_broken_session_file_is_no_session(market: TinyMarket, tmp_path: Path) -> None:
    """Garbage in the file means that nobody is logged in, and the next login mends it."""
    file = tmp_path / "sessions.json"
    await to_thread.run_sync(file.write_text, '[{"token_hash": 1}]')

    async with running_sandbox(market=market, session_file=file) as sandbox:
        assert await (await vendor_client(sandbox)).call("profile")


async def test_an_unknown_route_answers_in_kites_envelope(sandbox: RunningSandbox) -> None:
    """404 and 405 carry the error envelope; the root says what this is."""
    missing = await get(f"{sandbox.url}/orders")
    wrong_method = await post(f"{sandbox.url}/quote")

    assert (missing.status_code, missing.json()["message"]) == (404, "Route not found")
    assert wrong_method.status_code == 405
    assert wrong_method.json()["status"] == "error"
    assert (await get(sandbox.url)).json()["data"]["data"] == "SIMULATED"


async def test_kiteconnect_reads_our_input_errors(sandbox: RunningSandbox) -> None:
    """A 400 of ours is the vendor's InputException."""
    client = await vendor_client(sandbox)

    with pytest.raises(InputException) as caught:
        await client.call("quote", [])
    assert caught.value.code == 400
