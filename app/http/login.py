"""`/auth/kite/login` and `/auth/kite/callback`: the browser's way to Kite's login page and back.

Comes in: a browser, twice. Goes out: a redirect to Kite with a state bound to this browser, then a small page. The
callback's query holds the request_token, so nothing here logs an address. Mounted by `app.main`.
"""

from collections.abc import Awaitable, Callable

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.domain.errors import InvalidInput, MarketDataError, NotSupported, RateLimited, SourceError, SourceTimeout
from app.domain.provenance import DataSource
from app.http.login_page import HEADERS, error_page, success_page
from app.services.kite_login.sessions import KiteSessions
from app.services.kite_login.state import LIFETIME

LOGIN_PATH = "/auth/kite/login"
CALLBACK_PATH = "/auth/kite/callback"
"""Register this, behind the service's public address, as redirect URL of the Kite app."""
COOKIE = "kite_login"
COOKIE_PATH = "/auth/kite"
BROKEN = "the service failed inside, most likely at its database; its log says why. Try again in a minute"

log = structlog.get_logger()


def login_routes(
    sessions: KiteSessions, *, source: DataSource, secure: bool, graphql_path: str = "/graphql"
) -> list[Route]:
    """Both routes. `secure`: browsers reach the service by https, so the cookie must not travel otherwise."""
    pages = _Login(sessions, source, graphql_path, secure=secure)
    return [
        Route(LOGIN_PATH, _get_only(pages.begin), methods=["GET"]),
        Route(CALLBACK_PATH, _get_only(pages.finish), methods=["GET"]),
    ]


class _Login:
    """The two ends of a login. Holds nothing between requests: the state is in the browser."""

    def __init__(self, sessions: KiteSessions, source: DataSource, graphql_path: str, *, secure: bool) -> None:
        self._sessions = sessions
        self._source = source
        self._graphql_path = graphql_path
        self._secure = secure

    async def begin(self, _: Request) -> Response:
        """Send the browser to Kite; 503 without an api key."""
        try:
            start = self._sessions.begin_login()
        except MarketDataError as error:
            return self._error(error)
        response = RedirectResponse(start.url, status_code=302, headers=dict(HEADERS))
        response.set_cookie(
            COOKIE,
            start.cookie_value,
            max_age=int(LIFETIME.total_seconds()),
            path=COOKIE_PATH,
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )
        return response

    async def finish(self, request: Request) -> Response:
        """Finish the login that Kite sent back; the page says how it went."""
        query = request.query_params
        try:
            if query.get("status") != "success":
                _raise_unfinished()
            session = await self._sessions.finish_login(
                query.get("state", ""), request.cookies.get(COOKIE), query.get("request_token", "")
            )
        except MarketDataError as error:
            log.warning("kite_login_failed", code=error.code, reason=error.message)
            return self._error(error)
        except Exception:  # the boundary: a person gets a page that helps, the log the traceback
            log.exception("kite_login_broken")
            return self._page(BROKEN, 500)
        response = success_page(session, self._source, self._graphql_path)
        response.delete_cookie(COOKIE, path=COOKIE_PATH, secure=self._secure, httponly=True, samesite="lax")
        return response

    def _error(self, error: MarketDataError) -> Response:
        page = self._page(error.message, _http_status(error))
        if isinstance(error, RateLimited):
            page.headers["Retry-After"] = str(-(-error.retry_after_ms // 1000))
        return page

    def _page(self, message: str, status: int) -> Response:
        return error_page(
            message,
            status=status,
            source=self._source,
            retry_path=LOGIN_PATH if self._sessions.configured else None,
            session=self._sessions.current(),
        )


def _raise_unfinished() -> None:
    msg = "Kite says that the login was not finished; try again"
    raise InvalidInput(msg)


def _http_status(error: MarketDataError) -> int:
    """4xx where the browser can do better, 5xx where Kite or the settings must."""
    statuses: tuple[tuple[type[MarketDataError], int], ...] = (
        (InvalidInput, 400),
        (NotSupported, 503),
        (RateLimited, 503),
        (SourceTimeout, 504),
        (SourceError, 502),
    )
    return next((status for kind, status in statuses if isinstance(error, kind)), 400)


def _get_only(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Starlette lets HEAD in with GET, and a preview that sends one would use up the login."""

    async def answer(request: Request) -> Response:
        if request.method != "GET":
            return Response(status_code=405, headers={**HEADERS, "Allow": "GET"})
        return await endpoint(request)

    return answer
