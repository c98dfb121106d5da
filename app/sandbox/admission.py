"""Who may ask: Kite's headers, the session behind them, and the request limits.

Comes in: a REST request. Goes out: nothing, or a KiteError. Called first by every endpoint that Kite protects.
"""

from starlette.requests import Request

from app.sandbox.envelope import KiteError
from app.sandbox.limits import RateLimits
from app.sandbox.sessions import Sessions

_REFUSED = "Incorrect `api_key` or `access_token`."
ANONYMOUS = ""
"""The api_key under which unauthenticated requests share one limit."""


def credentials(request: Request) -> tuple[str, str]:
    """The api_key and access_token of the Authorization header; empty strings where it has none."""
    scheme, _, pair = request.headers.get("authorization", "").partition(" ")
    api_key, _, access_token = pair.partition(":") if scheme == "token" else ("", "", "")
    return api_key, access_token


class Admission:
    """Checks requests of one sandbox."""

    def __init__(self, sessions: Sessions, limits: RateLimits) -> None:
        self._sessions = sessions
        self._limits = limits

    def session(self, request: Request, endpoint: str) -> str:
        """The access token of a request that may pass. Raises KiteError 403 without a session, 429 over the limit."""
        api_key, access_token = credentials(request)
        if request.headers.get("x-kite-version") != "3":
            raise KiteError(403, "Missing or unsupported `X-Kite-Version`; send 3.")
        if not self._sessions.accepts(api_key, access_token):
            raise KiteError(403, _REFUSED)
        self.limit(endpoint, api_key)
        return access_token

    def limit(self, endpoint: str, api_key: str = ANONYMOUS) -> None:
        """Count a request against its class. Raises KiteError 429."""
        if not self._limits.allows(endpoint, api_key):
            raise KiteError(429, "Too many requests")
