"""The first login of the sandbox, over the same path as a person: our link, the login page, its form, our callback.

`run` calls it once the service answers. Nothing here knows a shortcut: if the path breaks, this breaks with it.
"""

from collections.abc import Mapping
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx

from app.http.login import LOGIN_PATH

GRAPHQL_PATH = "/graphql"
MAX_REDIRECTS = 10
TIMEOUT_SECONDS = 20.0
"""A login waits for one exchange with the sandbox, which takes milliseconds, and may queue behind a sync."""
SESSION_QUERY = "{ kiteSession { authenticated } }"


class LoginFailed(Exception):
    """The login did not end in a session. The message is for a person."""


class LoginForm(HTMLParser):
    """The first form of a page: where it goes, and the fields that are filled in already."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser for each tag."""
        values: Mapping[str, str] = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None:
            self.action = values.get("action", "")
        elif tag == "input" and self.action is not None and "name" in values:
            self.fields[values["name"]] = values.get("value", "")


async def log_in(service: str, *, public: str = "") -> None:
    """Log in at `service` (http://127.0.0.1:port) unless somebody is logged in.

    `public`: the address under which browsers know the service; redirects to it are followed at `service`.
    Raises LoginFailed.
    """
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        try:
            if not await _authenticated(client, service):
                await _walk(client, service, public)
                await _require_session(client, service)
        except httpx.HTTPError as error:
            msg = f"the login stopped at a network error: {type(error).__name__}"
            raise LoginFailed(msg) from error


async def _walk(client: httpx.AsyncClient, service: str, public: str) -> None:
    page = await _follow(client, await client.get(f"{service}{LOGIN_PATH}"), service, public)
    form = LoginForm(page.text)
    if page.status_code != httpx.codes.OK or form.action is None:
        msg = f"{LOGIN_PATH} led to no login page (HTTP {page.status_code})"
        raise LoginFailed(msg)
    sent = await client.post(urljoin(str(page.url), form.action), data=form.fields)
    finished = await _follow(client, sent, service, public)
    if finished.status_code != httpx.codes.OK:
        msg = f"the callback refused the login (HTTP {finished.status_code})"
        raise LoginFailed(msg)


async def _follow(client: httpx.AsyncClient, answer: httpx.Response, service: str, public: str) -> httpx.Response:
    """Where the redirects lead. Rewritten before they are asked, so that the cookie goes along."""
    for _ in range(MAX_REDIRECTS):
        if not answer.has_redirect_location:
            return answer
        target = urljoin(str(answer.url), answer.headers["location"])
        if public and target.startswith(f"{public}/"):
            target = service + target.removeprefix(public)
        answer = await client.get(target)
    msg = f"the login was redirected more than {MAX_REDIRECTS} times"
    raise LoginFailed(msg)


async def _require_session(client: httpx.AsyncClient, service: str) -> None:
    if not await _authenticated(client, service):
        msg = "the login was finished, and the service still has no session"
        raise LoginFailed(msg)


async def _authenticated(client: httpx.AsyncClient, service: str) -> bool:
    answer = await client.post(f"{service}{GRAPHQL_PATH}", json={"query": SESSION_QUERY})
    try:
        return answer.json()["data"]["kiteSession"]["authenticated"] is True
    except (ValueError, KeyError, TypeError):
        return False
