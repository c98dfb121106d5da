"""The cookie, the consent pages and the crumb, as far as a client without a browser needs them.

Comes in: requests with or without the cookie. Goes out: the cookie A3, and the crumb that belongs to it. Nothing is
stored: a crumb is a hash of its cookie, and of a number that `make_stale` raises.
"""

from collections.abc import Mapping
from secrets import token_urlsafe

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from app.sandbox.noise import key_of
from app.sandbox.yahoo.errors import YahooError

COOKIE = "A3"
COOKIE_SECONDS = 365 * 24 * 3600
ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./"
"""Of crumbs: a dot and a slash are among them, so clients have to encode."""
CRUMB_LENGTH = 10
MAX_COOKIE = 200
_BITS = 6
_CONSENT_PAGE = (
    '<!doctype html>\n<html><body><form method="post"><input type="hidden" name="csrfToken" value="{csrf}">'
    '<input type="hidden" name="sessionId" value="{session}"><button name="agree" value="agree">Accept all</button>'
    "</form></body></html>\n"
)


class Crumbs:
    """Who may ask for quotes and summaries."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._generation = 0

    def routes(self) -> list[Route]:
        """`/fc` stands for fc.yahoo.com, `/guce` for guce.yahoo.com and consent.yahoo.com."""
        pages = [Route(path, self.cookie_page, methods=["GET"]) for path in ("/fc", "/fc/")]
        consent = [
            Route(f"{root}{path}", endpoint, methods=["GET", "POST"])
            for root in ("/guce", "/consent")
            for path, endpoint in (
                ("/consent", self.consent_page),
                ("/v2/collectConsent", self.consented),
                ("/copyConsent", self.consented),
            )
        ]
        return [*pages, *consent, Route("/v1/test/getcrumb", self.crumb, methods=["GET"])]

    async def cookie_page(self, request: Request) -> Response:
        """Yahoo answers 404 here, and sets the cookie all the same; one that is sent stays as it is."""
        return _with_cookie(HTMLResponse("<html><body>Not Found</body></html>", 404), request)

    async def consent_page(self, _request: Request) -> Response:
        """The form that a European sees first."""
        return HTMLResponse(_CONSENT_PAGE.format(csrf=token_urlsafe(6), session=f"3_cc-session_{token_urlsafe(12)}"))

    async def consented(self, request: Request) -> Response:
        """The form was sent: the cookie."""
        return _with_cookie(HTMLResponse("<html><body>OK</body></html>"), request)

    async def crumb(self, request: Request) -> Response:
        """The crumb of the cookie. Raises YahooError 401 without one."""
        cookie = _cookie(request.cookies)
        if cookie is None:
            raise YahooError(401, "finance", "Unauthorized", "Invalid Cookie")
        return PlainTextResponse(self._crumb_of(cookie))

    def check(self, request: Request) -> None:
        """Let pass who sends the crumb of its cookie. Raises YahooError 401."""
        cookie = _cookie(request.cookies)
        if cookie is None or request.query_params.get("crumb") != self._crumb_of(cookie):
            raise YahooError(401, "finance", "Unauthorized", "Invalid Crumb")

    def make_stale(self) -> int:
        """Refuse every crumb that was given out so far; cookies stay good. One generation has ended."""
        self._generation += 1
        return 1

    def _crumb_of(self, cookie: str) -> str:
        word = key_of(self._seed, "crumb", self._generation, cookie)
        return "".join(ALPHABET[(word >> (_BITS * place)) % len(ALPHABET)] for place in range(CRUMB_LENGTH))


def _cookie(cookies: Mapping[str, str]) -> str | None:
    value = cookies.get(COOKIE, "")
    return value if 0 < len(value) <= MAX_COOKIE else None


def _with_cookie(answer: Response, request: Request) -> Response:
    value = _cookie(request.cookies) or f"d=AQABB{token_urlsafe(24)}&S=AQAAA{token_urlsafe(12)}"
    answer.set_cookie(COOKIE, value, max_age=COOKIE_SECONDS, httponly=True, samesite="lax")
    return answer
