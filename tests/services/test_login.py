"""The login's redirect and callback, as a browser sees them."""

import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from structlog.testing import capture_logs

from app.domain.errors import InvalidInput, MarketDataError, RateLimited, SourceTimeout, SourceUnavailable
from app.domain.provenance import DataSource
from app.http.login import CALLBACK_PATH, COOKIE, LOGIN_PATH, login_routes
from app.services.kite_login.sessions import KiteSessions
from tests.services.fakes import MemorySessions, ScriptedAuth, SetClock, SimpleAccess


class Site:
    """The service's login pages and a browser that keeps cookies."""

    def __init__(
        self, browser: httpx.AsyncClient, sessions: KiteSessions, auth: ScriptedAuth, store: MemorySessions
    ) -> None:
        self.browser = browser
        self.sessions = sessions
        self.auth = auth
        self.store = store

    async def begin(self) -> str:
        """The state that goes to Kite."""
        answer = await self.browser.get(LOGIN_PATH)
        assert answer.status_code == 302
        return parse_qs(urlsplit(answer.headers["location"]).query)["state"][0]

    async def finish(self, **query: str) -> httpx.Response:
        """Come back from Kite."""
        defaults = {"action": "login", "type": "login", "status": "success", "request_token": "abc123"}
        return await self.browser.get(CALLBACK_PATH, params={**defaults, **query})


@asynccontextmanager
async def site(
    *, secure: bool = False, configured: bool = True, source: DataSource = DataSource.SANDBOX
) -> AsyncIterator[Site]:
    """A site and a browser without cookies."""
    clock = SetClock()
    auth = ScriptedAuth(clock)
    store = MemorySessions()
    sessions = KiteSessions(
        auth, SimpleAccess(), store, clock, login_link=LOGIN_PATH, secret=b"secret", configured=configured
    )
    app = Starlette(routes=login_routes(sessions, source=source, secure=secure))
    base = "https://kite.example" if secure else "http://127.0.0.1:8179"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base) as browser:
        yield Site(browser, sessions, auth, store)


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str | None] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name == "href"]


def assert_guarded(answer: httpx.Response) -> None:
    """Kept nowhere, told nowhere, running nothing."""
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "script" not in Tags(answer.text).tags


async def test_the_login_leads_to_kite_with_a_cookie() -> None:
    """A redirect that no cache keeps, and a cookie that no script reads and no other site's request carries."""
    async with site() as at:
        answer = await at.browser.get(LOGIN_PATH)
    assert answer.headers["location"].startswith("https://broker.example/login?state=")
    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", "Path=/auth/kite", "Max-Age=600"))
    assert "Secure" not in cookie
    assert_guarded(answer)


async def test_over_https_the_cookie_is_secure() -> None:
    """It never travels in the clear."""
    async with site(secure=True) as at:
        answer = await at.browser.get(LOGIN_PATH)
    assert "Secure" in answer.headers["set-cookie"]


async def test_the_callback_shows_who_is_logged_in() -> None:
    """Name, end of the session and the way on; escaped, labelled, and the cookie is gone."""
    async with site() as at:
        answer = await at.finish(state=await at.begin())
        assert COOKIE not in at.browser.cookies
        assert at.sessions.current().authenticated
    assert answer.status_code == 200
    assert "Asha &lt;Rao&gt; (AB1234)" in answer.text
    assert "24 November 2026, 06:00 IST" in answer.text
    assert Tags(answer.text).links == ["/graphql"]
    assert ">SANDBOX<" in answer.text
    assert "secret-token" not in answer.text
    assert_guarded(answer)


async def test_the_policy_allows_exactly_the_pages_own_style() -> None:
    """A style that the browser refuses would leave the page bare."""
    async with site() as at:
        answer = await at.finish(state="x")
    style = answer.text.partition("<style>")[2].partition("</style>")[0]
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in answer.headers["content-security-policy"]


async def test_the_real_broker_needs_no_label() -> None:
    """Only what is not real is labelled."""
    async with site(source=DataSource.KITE) as at:
        answer = await at.finish(state=await at.begin())
    assert "SANDBOX" not in answer.text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"status": "cancelled"}, "was not finished"),
        ({"status": ""}, "was not finished"),
        ({"state": "<script>alert(1)</script>"}, "was not begun here"),
        ({"state": ""}, "was not begun here"),
        ({"request_token": "<b>"}, "no request_token"),
        ({"request_token": ""}, "no request_token"),
    ],
)
async def test_a_callback_that_is_not_good_says_why(query: dict[str, str], words: str) -> None:
    """400, the reason, a link to try again, and nothing of the query in the page."""
    async with site() as at:
        answer = await at.finish(**{"state": await at.begin(), **query})
        assert not at.sessions.current().authenticated
    assert answer.status_code == 400
    assert words in answer.text
    assert Tags(answer.text).links == [LOGIN_PATH]
    assert "<script" not in answer.text
    assert "<b>" not in answer.text
    assert_guarded(answer)


async def test_another_browsers_login_is_refused() -> None:
    """The state alone is not enough."""
    async with site() as at:
        state = await at.begin()
        at.browser.cookies.clear()
        answer = await at.finish(state=state)
    assert answer.status_code == 400
    assert "another browser" in answer.text


async def test_a_reload_of_the_callback_says_that_the_session_is_there() -> None:
    """The state is used up, and so is the cookie; the person is told that all is well nevertheless."""
    async with site() as at:
        state = await at.begin()
        await at.finish(state=state)
        answer = await at.finish(state=state)
    assert answer.status_code == 400
    assert "A session is active all the same" in answer.text
    assert "AB1234" in answer.text


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (InvalidInput("Kite refused the request_token"), 400),
        (SourceUnavailable("Kite cannot be reached"), 502),
        (SourceTimeout("Kite did not answer"), 504),
        (RateLimited("the budget is spent", retry_after_ms=1500), 503),
    ],
)
async def test_kites_failure_is_shown_with_its_status(failure: MarketDataError, status: int) -> None:
    """And with a link to try again."""
    async with site() as at:
        at.auth.failure = failure
        answer = await at.finish(state=await at.begin())
    assert answer.status_code == status
    assert failure.message[1:] in answer.text
    assert answer.headers.get("retry-after") == ("2" if isinstance(failure, RateLimited) else None)
    assert Tags(answer.text).links == [LOGIN_PATH]


async def test_a_database_that_is_down_gets_a_page_too() -> None:
    """No bare 500: the person learns where to look, and the log has the traceback."""
    async with site() as at:
        state = await at.begin()
        at.store.failures = 1
        with capture_logs() as logs:
            answer = await at.finish(state=state)
        assert at.auth.exchanged == []
    assert answer.status_code == 500
    assert "its log says why" in answer.text
    assert Tags(answer.text).links == [LOGIN_PATH]
    assert [(entry["event"], "exc_info" in entry) for entry in logs] == [("kite_login_broken", True)]
    assert_guarded(answer)


async def test_without_an_api_key_the_page_names_the_settings() -> None:
    """503 and no link that leads nowhere."""
    async with site(configured=False) as at:
        for answer in (await at.browser.get(LOGIN_PATH), await at.finish(state="x")):
            assert answer.status_code == 503
            assert "KITE_API_KEY" in answer.text
            assert Tags(answer.text).links == []
            assert_guarded(answer)


async def test_a_preview_does_not_use_up_a_login() -> None:
    """HEAD and POST are refused, and the login can still be finished."""
    async with site() as at:
        state = await at.begin()
        for method in ("HEAD", "POST"):
            answer = await at.browser.request(method, CALLBACK_PATH, params={"status": "success", "state": state})
            assert answer.status_code == 405
        assert (await at.finish(state=state)).status_code == 200


async def test_nothing_of_the_address_is_logged() -> None:
    """Neither request_token nor state stands in a log line, in success and failure."""
    async with site() as at:
        with capture_logs() as logs:
            state = await at.begin()
            await at.finish(state=state, request_token="verysecret1")
            await at.finish(state=state, request_token="verysecret2")
    assert len(logs) == 2
    assert "verysecret" not in str(logs)
    assert state not in str(logs)
