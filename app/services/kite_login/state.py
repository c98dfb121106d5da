"""The `state` that travels through the broker's login page and back.

Comes in: a browser's cookie, and later the state that came back. Goes out: a signed state, and whether it is ours,
young and that browser's. Called by KiteSessions, which also sees to it that each is used once. Without it, anyone
could make a visitor's browser log this service in to somebody else's account.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.errors import InvalidInput
from app.domain.time import from_epoch

LIFETIME = timedelta(minutes=10)
"""Password and second factor take a minute or two; Kite's own request_token lives only a few."""
MAX_STATE_LENGTH = 200
"""Ours have 102 characters."""
PARTS = 3
"""Nonce, expiry and browser, which the signature covers."""
PURPOSE = b"kite-login-state:"
"""Keeps these signatures apart from whatever else the secret may sign."""


@dataclass(frozen=True, slots=True)
class LoginState:
    """A state that is ours, young and this browser's."""

    nonce: str
    expires_at: datetime


def new_cookie() -> str:
    """A value that only one browser knows."""
    return secrets.token_urlsafe(24)


def issue_state(secret: bytes, cookie: str, now: datetime) -> str:
    """A state for the browser with this cookie: nonce.expiry.browser.signature, safe in an address."""
    body = f"{secrets.token_urlsafe(16)}.{int((now + LIFETIME).timestamp())}.{_digest(cookie)}"
    return f"{body}.{_signature(secret, body)}"


def check_state(secret: bytes, state: str, cookie: str | None, now: datetime) -> LoginState:
    """What the state says. Raises InvalidInput with what is wrong: forged, expired, or of another browser."""
    body, _, signature = state.rpartition(".")
    parts = body.split(".")
    genuine = state.isascii() and len(state) <= MAX_STATE_LENGTH and len(parts) == PARTS
    if not genuine or not hmac.compare_digest(signature.encode(), _signature(secret, body).encode()):
        msg = "this login was not begun here, or its address was altered on the way; begin again"
        raise InvalidInput(msg)
    nonce, expiry, browser = parts
    expires_at = from_epoch(int(expiry))
    if now >= expires_at:
        msg = f"this login took longer than {LIFETIME // timedelta(minutes=1)} minutes and has expired; begin again"
        raise InvalidInput(msg)
    if cookie is None or not hmac.compare_digest(browser, _digest(cookie)):
        msg = "this login was begun in another browser, or the browser keeps no cookies; begin again in this one"
        raise InvalidInput(msg)
    return LoginState(nonce, expires_at)


def _digest(cookie: str) -> str:
    return _text(hashlib.sha256(cookie.encode()).digest()[:18])


def _signature(secret: bytes, body: str) -> str:
    return _text(hmac.digest(secret, PURPOSE + body.encode(), "sha256"))


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
