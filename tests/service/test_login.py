"""The Kite session: a login in a browser, its death, the next one; no restart and no lost subscription."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx

from app.commands.first_login import LoginForm
from app.http.login import CALLBACK_PATH, LOGIN_PATH
from app.parts import Timing
from app.redaction import Secrets
from tests.service.sockets import Stream, subscribed
from tests.service.symbols import traded
from tests.service.test_live import FAST_MARKET, LIVE, QUICK, until
from tests.support.sandbox import RunningSandbox, ShiftableClock
from tests.support.service import RunningService, free_port, running_pair, running_service, sandbox_for

SESSION = "{ kiteSession { authenticated userId userName loginTime expiresAt loginUrl } }"
PROVIDERS = "{ providers { state message loginUrl sessionExpiresAt } }"
LIVE_PROVIDERS = "subscription " + PROVIDERS
COMPLETE = "mutation ($token: String!) { completeKiteLogin(requestToken: $token) { authenticated userId loginUrl } }"
END = "mutation { endKiteSession { authenticated userId loginUrl } }"
COLD_QUOTES = "query ($ids: [ID!]!) { quotes(ids: $ids, maxAgeMs: 0) { lastPrice } }"


@asynccontextmanager
async def browser(
    service: RunningService, *, cookies: Mapping[str, str] | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that keeps cookies and shows each redirect."""
    async with httpx.AsyncClient(base_url=service.url, trust_env=False, cookies=dict(cookies or {})) as client:
        yield client


async def press_button(client: httpx.AsyncClient, sandbox: RunningSandbox) -> str:
    """From our link through the broker's page; the address of our callback that it leads back to."""
    begun = await client.get(LOGIN_PATH)
    assert begun.status_code == 302
    assert begun.headers["location"].startswith(sandbox.login_url)
    page = await client.get(begun.headers["location"])
    sent = await client.post(sandbox.login_url, data=LoginForm(page.text).fields)
    return str(sent.headers["location"])


async def session_of(service: RunningService) -> dict[str, Any]:
    """`kiteSession`."""
    return dict((await service.ask(SESSION))["data"]["kiteSession"])


async def test_login_in_a_browser(tmp_path: Path) -> None:
    """A redirect with a state bound to this browser, the broker's page, our callback, a page that says who is in."""
    async with running_pair(tmp_path, login=False) as (service, sandbox), browser(service) as client:
        before = await session_of(service)
        assert (before["authenticated"], before["loginUrl"]) == (False, service.url + LOGIN_PATH)
        assert (await service.ask(PROVIDERS))["data"]["providers"][0]["state"] == "LOGIN_REQUIRED"

        address = await press_button(client, sandbox)
        (cookie,) = client.cookies.jar
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert cookie.path == "/auth/kite"
        done = await client.get(address)

        assert done.status_code == 200
        assert "SANDBOX" in done.text
        assert "Sandbox User (AB1234)" in done.text
        session = await session_of(service)
        assert (session["authenticated"], session["userId"], session["userName"]) == (True, "AB1234", "Sandbox User")
        assert session["expiresAt"].endswith("T06:00:00+05:30")
        assert datetime.fromisoformat(session["expiresAt"]) > datetime.fromisoformat(session["loginTime"])
        await service.until("ready", "feed")
        (provider,) = (await service.ask(PROVIDERS))["data"]["providers"]
        assert provider == {
            "state": "LIVE", "message": None, "loginUrl": None, "sessionExpiresAt": session["expiresAt"],
        }  # fmt: skip


async def test_states_that_are_forged_late_foreign_or_used_are_refused(tmp_path: Path) -> None:
    """Nobody can log this service in to another account by a link; each page says why and how to go on."""
    clock = ShiftableClock()
    async with (
        running_pair(tmp_path, login=False, clock=clock) as (service, sandbox),
        browser(service) as client,
        browser(service) as stranger,
    ):
        address = await press_button(client, sandbox)
        state = parse_qs(urlsplit(address).query)["state"][0]
        other = "B" if state[0] == "A" else "A"
        assert await refusal(client, address.replace(state, other + state[1:])) == "was not begun here, or its address"
        assert await refusal(client, re.sub(r"&?state=[^&]*", "", address)) == "was not begun here, or its address"
        assert await refusal(stranger, address) == "was begun in another browser"
        assert await refusal(client, f"{CALLBACK_PATH}?status=cancelled&state={state}") == "was not finished"
        assert sandbox.count("session") == 0
        assert not (await session_of(service))["authenticated"]

        assert (await client.get(address)).status_code == 200
        assert sandbox.count("session") == 1

        second = await press_button(client, sandbox)
        clock.shift(minutes=11)
        assert await refusal(client, second) == "longer than 10 minutes and has expired"
        assert sandbox.count("session") == 1


async def test_finished_login_works_once(tmp_path: Path) -> None:
    """The callback's address stands in the history of the browser; opened again it does nothing."""
    async with running_pair(tmp_path, login=False) as (service, sandbox), browser(service) as client:
        address = await press_button(client, sandbox)
        cookie = client.cookies.get("kite_login")
        assert cookie is not None
        assert (await client.get(address)).status_code == 200
        async with browser(service, cookies={"kite_login": cookie}) as same:
            assert await refusal(same, address) == "was used already"
        assert sandbox.count("session") == 1
        assert (await session_of(service))["authenticated"]


REASONS = (
    "was not begun here, or its address",
    "was begun in another browser",
    "was not finished",
    "was used already",
    "longer than 10 minutes and has expired",
)


async def refusal(client: httpx.AsyncClient, address: str) -> str:
    """Which of the reasons the page gives; it must have a way to try again."""
    answer = await client.get(address)
    assert answer.status_code == 400
    assert f'href="{LOGIN_PATH}"' in answer.text
    (reason,) = (reason for reason in REASONS if reason in answer.text)
    return reason


async def test_restart_keeps_the_session_which_is_sealed(tmp_path: Path, database_url: str) -> None:
    """The second process takes it up without a login; the third finds it dead and says where to log in."""
    port, secrets = free_port(), Secrets()
    async with sandbox_for(port, rate_limits=None) as sandbox:
        options: dict[str, Any] = {"port": port, "database_url": database_url}
        async with running_service(sandbox, tmp_path, secrets=secrets, **options) as service:
            first = await session_of(service)
        token = secrets._learnt[-1].encode()
        assert sandbox.parts.sessions.accepts(sandbox.api_key, token.decode())
        stored = await anyio.to_thread.run_sync(everything_below, tmp_path)
        assert token not in stored
        assert b"AB1234" in stored or database_url.startswith("postgresql")

        async with running_service(sandbox, tmp_path, login=False, **options) as service:
            assert await session_of(service) == first
            await service.until("ready")
            assert (await service.ask('{ quote(id: "NSE:INFY") { lastPrice } }')).keys() == {"data", "extensions"}
        assert sandbox.count("session") == 1, "one exchange for both"

        await sandbox.fault("dead_token")
        async with running_service(sandbox, tmp_path, login=False, **options) as service:
            last = await session_of(service)
            assert (last["authenticated"], last["userId"]) == (False, "AB1234")
            (provider,) = (await service.ask(PROVIDERS))["data"]["providers"]
            assert (provider["state"], provider["loginUrl"]) == ("LOGIN_REQUIRED", service.url + LOGIN_PATH)
            assert "no longer accepts the saved session; log in again" in provider["message"]
            await service.log_in()
            await service.until("ready")


def everything_below(folder: Path) -> bytes:
    """All files of a folder. Blocks."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@asynccontextmanager
async def watched(tmp_path: Path) -> AsyncIterator[tuple[RunningService, RunningSandbox, Stream, Stream]]:
    """A quick pair with a subscription of five quotes, and one of the providers, both LIVE."""
    async with (
        running_pair(tmp_path, sandbox=FAST_MARKET, timing=Timing(ticker=QUICK)) as (service, sandbox),
        subscribed(service, LIVE, ids=traded(sandbox, 5)) as quotes,
        subscribed(service, LIVE_PROVIDERS) as providers,
    ):
        await until_provider(providers, "LIVE")
        yield service, sandbox, quotes, providers


async def test_token_dies_and_the_next_login_takes_over_without_losing_a_subscription(tmp_path: Path) -> None:
    """Told at once; what needs no token goes on; the same subscriptions go on with the new token, twice over."""
    async with watched(tmp_path) as (service, sandbox, quotes, providers):
        seen = await until(quotes, feed="LIVE", with_quotes=True)

        await sandbox.fault("dead_token")
        await assert_login_required(service, sandbox, providers)
        seen += await until(quotes, feed="LOGIN_REQUIRED")
        before = sandbox.count("ticker")
        assert await goes_on_without_kite(service)
        assert sandbox.count("ticker") == before, "an old token is never tried again"

        await service.log_in()
        await until_provider(providers, "LIVE")
        seen += await until(quotes, feed="LIVE", with_quotes=True)

        await sandbox.fault("dead_token")
        await assert_login_required(service, sandbox, providers)
        seen += await until(quotes, feed="LOGIN_REQUIRED")
        done = await service.ask(COMPLETE, token=await sandbox.request_token())
        assert (done["data"]["completeKiteLogin"]["authenticated"]) is True
        await until_provider(providers, "LIVE")
        seen += await until(quotes, feed="LIVE", with_quotes=True)

        assert [update["sequence"] for update in seen] == list(range(1, len(seen) + 1))


async def test_session_is_ended_on_purpose(tmp_path: Path) -> None:
    """Here and at the broker; whoever watches hears it, and readiness says what is missing."""
    async with watched(tmp_path) as (service, sandbox, quotes, providers):
        ended = await service.ask(END)

        assert ended["data"]["endKiteSession"] == {
            "authenticated": False, "userId": None, "loginUrl": service.url + LOGIN_PATH,
        }  # fmt: skip
        await until_provider(providers, "LOGIN_REQUIRED")
        await until(quotes, feed="LOGIN_REQUIRED")
        assert len(sandbox.parts.sessions) == 0
        assert not (await session_of(service))["authenticated"]
        health = (await service.client.get("/health/ready")).json()
        assert health["status"] == "degraded"
        assert "nobody is logged in to Kite" in health["checks"]["feed"]["reason"]


async def assert_login_required(service: RunningService, sandbox: RunningSandbox, providers: Stream) -> None:
    """What only Kite can answer says so, with the link; and whoever watches `providers` hears it."""
    response = await service.ask(COLD_QUOTES, ids=traded(sandbox, 2, skip=100))
    (provider,) = (await until_provider(providers, "LOGIN_REQUIRED"))[-1]
    link = service.url + LOGIN_PATH
    assert provider["loginUrl"] == link
    assert response["data"]["quotes"] == [None, None]
    for error in response["errors"]:
        assert error["extensions"] == {"code": "LOGIN_REQUIRED", "retryable": False, "loginUrl": link}
    candles = await service.ask('{ candles(id: "NSE:INFY", interval: DAY, last: 5) { count } }')
    assert candles["errors"][0]["extensions"]["code"] == "LOGIN_REQUIRED"


async def goes_on_without_kite(service: RunningService) -> bool:
    """Whether what we know ourselves is answered."""
    query = """{ server { version } marketPhase { phase } kiteSession { authenticated }
      instrument(id: "NSE:INFY") { name } searchInstruments(text: "infy") { totalCount } }"""
    response = await service.ask(query)
    return "errors" not in response and response["data"]["searchInstruments"]["totalCount"] > 0


async def until_provider(stream: Stream, state: str) -> list[list[dict[str, Any]]]:
    """What `providers` delivered up to the first word of this state."""
    heard = [await stream.data()]
    while heard[-1][0]["state"] != state:
        heard.append(await stream.data())
    return heard
