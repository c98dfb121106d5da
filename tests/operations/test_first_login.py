"""The first login walks the path of a person: our link, the sandbox's page, its form, our callback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from app.commands.first_login import LoginFailed, LoginForm, log_in
from app.sandbox.app import build_sandbox
from app.sandbox.serve import build_market, open_sandbox
from app.sandbox.settings import DEFAULT_API_KEY, SandboxSettings
from app.server import build_server
from tests.support.clock import FixedClock
from tests.support.ports import silent_port

CLOCK = FixedClock()


@dataclass
class Service:
    """As much of our service as a login touches."""

    login_page: str = ""
    refuse: bool = False
    """The callback answers 400."""
    forget: bool = False
    """The callback answers 200 and nobody is logged in."""
    tokens: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        """The application."""
        return Starlette(
            routes=[
                Route("/auth/kite/login", self.begin),
                Route("/auth/kite/callback", self.finish),
                Route("/graphql", self.graphql, methods=["POST"]),
            ]
        )

    async def begin(self, _request: Request) -> Response:
        """To the sandbox's page, with a cookie to come back with."""
        query = urlencode({"api_key": DEFAULT_API_KEY, "v": "3", "redirect_params": "state=s-1"})
        answer = RedirectResponse(f"{self.login_page}?{query}")
        answer.set_cookie("login", "c-1", path="/auth/kite", httponly=True)
        return answer

    async def finish(self, request: Request) -> Response:
        """Takes only the browser that began."""
        if self.refuse or request.query_params.get("state") != "s-1" or request.cookies.get("login") != "c-1":
            return HTMLResponse("no", 400)
        self.tokens += [] if self.forget else [request.query_params["request_token"]]
        return HTMLResponse("done")

    async def graphql(self, _request: Request) -> Response:
        """Who is logged in."""
        return JSONResponse({"data": {"kiteSession": {"authenticated": bool(self.tokens)}}})


@asynccontextmanager
async def serving(service: Service, public: str = "http://127.0.0.1:{port}") -> AsyncIterator[str]:
    """The service beside a real sandbox; yields the service's local address."""
    server = build_server(service.app(), host="127.0.0.1", port=0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve)
        while not server.started:  # noqa: ASYNC110 # uvicorn has a flag and no event
            await anyio.sleep(0.01)
        redirect_url = f"{public.format(port=server.port)}/auth/kite/callback"
        settings = SandboxSettings(redirect_url=redirect_url)
        market = await anyio.to_thread.run_sync(build_market, settings, CLOCK)
        async with open_sandbox(build_sandbox(settings, clock=CLOCK, market=market)) as address:
            service.login_page = address.login_url
            yield f"http://127.0.0.1:{server.port}"
        server.should_exit = True


async def test_a_login_ends_in_a_session_and_is_done_once() -> None:
    """The second time somebody is logged in already, and nothing is asked of the sandbox."""
    service = Service()
    async with serving(service) as url:
        await log_in(url)
        await log_in(url)
    assert len(service.tokens) == 1


async def test_redirects_to_the_public_address_are_followed_at_home() -> None:
    """Browsers come through a proxy that this machine may not even reach; the cookie goes along all the same."""
    service = Service()
    async with serving(service, public="https://quotes.example") as url:
        await log_in(url, public="https://quotes.example")
    assert len(service.tokens) == 1


@pytest.mark.parametrize(
    ("service", "message"),
    [
        (Service(refuse=True), r"the callback refused the login \(HTTP 400\)"),
        (Service(forget=True), "still has no session"),
    ],
    ids=["refused", "forgotten"],
)
async def test_a_login_that_fails_says_where(service: Service, message: str) -> None:
    """So that a person knows what to look at."""
    async with serving(service) as url:
        with pytest.raises(LoginFailed, match=message):
            await log_in(url)


async def test_a_page_without_a_form_is_no_login_page() -> None:
    """As when the two sides have different api keys."""
    service = Service()
    async with serving(service) as url:
        service.login_page += "/elsewhere"
        with pytest.raises(LoginFailed, match=r"led to no login page \(HTTP 404\)"):
            await log_in(url)


async def test_nobody_there_is_told() -> None:
    """No traceback of a library."""
    with silent_port() as port, pytest.raises(LoginFailed, match="network error: ConnectError"):
        await log_in(f"http://127.0.0.1:{port}")


async def test_redirects_end() -> None:
    """A loop is given up."""
    service = Service()
    async with serving(service) as url:
        service.login_page = f"{url}/auth/kite/login"
        with pytest.raises(LoginFailed, match="more than 10 times"):
            await log_in(url)


def test_a_form_is_read_as_a_browser_reads_it() -> None:
    """Escapes are undone, and only the first form counts."""
    form = LoginForm(
        "<input name=before><form action='/go?a=1&amp;b=2'><input name='k' value='&lt;x&gt;'><input type=submit>"
        "</form><form action=/other></form>"
    )
    assert (form.action, form.fields) == ("/go?a=1&b=2", {"k": "<x>"})
    assert LoginForm("<p>nothing</p>").action is None
