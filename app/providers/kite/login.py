"""The broker's side of a login. Comes in: what the session service knows. Goes out: a page, a grant, a verdict."""

from datetime import datetime, timedelta
from urllib.parse import urlencode

from app.domain.errors import InvalidInput, LoginRequired, MalformedPayload
from app.domain.feeds import KiteGrant
from app.domain.time import IST, ist_datetime, to_ist
from app.providers.kite.client import KiteClient
from app.providers.kite.fields import instant, mapping
from app.providers.kite.limits import Endpoint
from app.providers.kite.transport import KiteRest

SESSION_ENDS_AT_HOUR = 6
"""IST; a regulatory requirement (kite.trade/docs/connect/v3/user). The real flush comes up to 90 minutes later."""
MAX_TOKEN = 256
"""Characters; Kite's tokens have 32, and what is much longer was not written by Kite."""


def session_end(now: datetime) -> datetime:
    """The next 06:00 IST after an instant: when Kite ends a session at the latest that it may be trusted."""
    local = to_ist(now)
    today = ist_datetime(local.date(), SESSION_ENDS_AT_HOUR)
    return today if local < today else today + timedelta(days=1)


class KiteLogin:
    """Kite Connect's login; satisfies `ports.KiteAuth`. Its calls need no session and touch none but the one named."""

    def __init__(self, client: KiteClient) -> None:
        self._client = client
        self._config = client.config

    def login_page(self, state: str) -> str:
        """Address of Kite's login page. Kite has no OAuth state: it hands `redirect_params` back as they are."""
        handed_back = urlencode({"state": state})
        query = urlencode({"api_key": self._config.api_key, "v": "3", "redirect_params": handed_back})
        return f"{self._config.login_page}?{query}"

    async def exchange(self, request_token: str) -> KiteGrant:
        """Turn the request_token of a finished login into a session; each works once, for a few minutes.

        Raises InvalidInput if Kite refuses it, MalformedPayload, SourceError.
        """
        if not _is_plain(request_token):
            msg = "this is not a request_token; copy the one in the address that Kite's login page redirects to"
            raise InvalidInput(msg)

        def exchange(kite: KiteRest) -> object:
            return kite.generate_session(request_token, api_secret=self._config.api_secret)

        try:
            answer = await self._client.call_as(Endpoint.SESSION, exchange, token=None)
        except (LoginRequired, InvalidInput):
            msg = (
                "Kite refuses this request_token: it was used before, is older than a few minutes, or belongs "
                f"to another api_key; log in again at {self._config.login_url}"
            )
            raise InvalidInput(msg) from None
        return _grant(answer, now=self._client.clock.now())

    async def invalidate(self, access_token: str) -> None:
        """End a session at Kite. One that is dead already is no error. Raises SourceError."""
        try:
            await self._client.call_as(Endpoint.SESSION, KiteRest.invalidate_access_token, token=access_token)
        except (LoginRequired, InvalidInput):
            return

    async def verify(self, access_token: str) -> bool:
        """Whether Kite still accepts the token. Raises SourceError if it cannot be asked."""
        try:
            await self._client.call_as(Endpoint.PROFILE, KiteRest.profile, token=access_token)
        except LoginRequired:
            return False
        return True


def _is_plain(text: str) -> bool:
    return 0 < len(text) <= MAX_TOKEN and text.isascii() and text.isprintable() and " " not in text


def _grant(answer: object, *, now: datetime) -> KiteGrant:
    raw = mapping(answer, "session")
    return KiteGrant(
        user_id=_text(raw, "user_id"),
        user_name=_text(raw, "user_name") if raw.get("user_name") else None,
        access_token=_token(raw),
        login_time=_login_time(raw.get("login_time")) or now,
        expires_at=session_end(now),
    )


def _login_time(value: object) -> datetime | None:
    """Kiteconnect has made a naive datetime of it, Indian wall clock, if it had the usual 19 characters."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or IST)
    return instant(value, "login_time")


def _text(raw: dict[str, object], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedPayload(f"Kite sent a session without a {name}")
    return value


def _token(raw: dict[str, object]) -> str:
    """It must fit into a header."""
    token = _text(raw, "access_token")
    if not _is_plain(token):
        msg = "Kite sent a session with an access_token that is none"
        raise MalformedPayload(msg)
    return token
