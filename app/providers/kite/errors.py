"""What Kite's client raises -> the one error tree. The only place that knows the vendor's exceptions.

Comes in: whatever a worker thread raised. Goes out: an error that a caller may see. Bodies, addresses and
tokens stand in the vendor's messages, so none of them is ever taken over.

    TokenException                       LoginRequired       the token is dead
    any with code 429, HTTP 429          RateLimited         test the code: kiteconnect has no class for it
    InputException                       InvalidInput
    PermissionException                  SourceError         not in this api_key's plan
    DataException, unreadable JSON       MalformedPayload
    other Kite exceptions, 4xx, 5xx      SourceUnavailable
    timeouts                             SourceTimeout
    other requests' and urllib3's        SourceUnavailable
    KeyError, TypeError, AttributeError  MalformedPayload    how kiteconnect stumbles over a strange envelope
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import requests.exceptions
import urllib3.exceptions
from kiteconnect import exceptions as kite

from app.domain.errors import (
    InvalidInput,
    LoginRequired,
    MalformedPayload,
    MarketDataError,
    RateLimited,
    SourceError,
    SourceTimeout,
    SourceUnavailable,
)
from app.providers.kite.limits import Endpoint
from app.providers.kite.transport import ForeignAnswer

RETRY_AFTER_REFUSAL_MS = 1_000
"""Kite counts by the second and names no time (kite.trade/docs/connect/v3/exceptions)."""
UNREADABLE = "Couldn't parse the JSON"
"""How kiteconnect begins when it cannot read an answer; its own DataExceptions begin otherwise."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked when it failed."""

    endpoint: Endpoint
    login_url: str


def login_required(login_url: str, why: str) -> LoginRequired:
    """The error of every call that only a person can mend."""
    return LoginRequired(f"{why}; log in at {login_url}", login_url=login_url)


def rate_limited(asked: Asked) -> RateLimited:
    """Kite said 429 although our budget allowed the request."""
    msg = f"Kite refuses {asked.endpoint} requests for now: more than it allows arrive with this api_key; ask again"
    return RateLimited(msg, retry_after_ms=RETRY_AFTER_REFUSAL_MS)


def _by_status(status: int, asked: Asked) -> MarketDataError:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return rate_limited(asked)
    if HTTPStatus(200) <= status < HTTPStatus.MULTIPLE_CHOICES:
        return MalformedPayload(f"Kite answered a {asked.endpoint} request with something that is not its format")
    return SourceUnavailable(f"Kite failed a {asked.endpoint} request with status {status}; ask again")


def _code(error: Exception) -> int:
    code = getattr(error, "code", None)
    return code if isinstance(code, int) else int(HTTPStatus.INTERNAL_SERVER_ERROR)


def _status(error: Exception, asked: Asked) -> MarketDataError:
    status = _code(error)
    failed = status if status >= HTTPStatus.BAD_REQUEST else int(HTTPStatus.INTERNAL_SERVER_ERROR)
    return _by_status(failed, asked)


def _token(_: Exception, asked: Asked) -> MarketDataError:
    return login_required(asked.login_url, "Kite's session is over")


def _input(_: Exception, asked: Asked) -> MarketDataError:
    return InvalidInput(f"Kite refuses the arguments of this {asked.endpoint} request")


def _permission(_: Exception, asked: Asked) -> MarketDataError:
    return SourceError(
        f"this Kite api_key may not send {asked.endpoint} requests; see its plan at developers.kite.trade"
    )


def _data(error: Exception, asked: Asked) -> MarketDataError:
    return _malformed(error, asked) if str(error).startswith(UNREADABLE) else _status(error, asked)


def _malformed(_: Exception, asked: Asked) -> MarketDataError:
    return MalformedPayload(f"Kite answered a {asked.endpoint} request with something that is not its format")


def _foreign(error: Exception, asked: Asked) -> MarketDataError:
    return _by_status(error.status if isinstance(error, ForeignAnswer) else 0, asked)


def _timeout(_: Exception, asked: Asked) -> MarketDataError:
    return SourceTimeout(f"Kite did not answer a {asked.endpoint} request in time; ask again")


def _tls(_: Exception, asked: Asked) -> MarketDataError:
    return SourceUnavailable(
        f"the certificate of Kite's server cannot be verified; no {asked.endpoint} request was sent"
    )


def _redirect(_: Exception, asked: Asked) -> MarketDataError:
    return SourceUnavailable(f"the {asked.endpoint} request was redirected, which Kite never does; check KITE_API_URL")


def _unreachable(_: Exception, asked: Asked) -> MarketDataError:
    return SourceUnavailable(f"Kite cannot be reached for a {asked.endpoint} request; ask again")


TRANSLATIONS: Mapping[type[Exception], Callable[[Exception, Asked], MarketDataError]] = {
    kite.TokenException: _token,
    kite.PermissionException: _permission,
    kite.InputException: _input,
    kite.DataException: _data,
    kite.NetworkException: _status,
    kite.GeneralException: _status,
    kite.OrderException: _status,
    kite.KiteException: _status,
    ForeignAnswer: _foreign,
    TimeoutError: _timeout,
    requests.exceptions.Timeout: _timeout,
    urllib3.exceptions.TimeoutError: _timeout,
    requests.exceptions.SSLError: _tls,
    requests.exceptions.TooManyRedirects: _redirect,
    requests.exceptions.InvalidJSONError: _malformed,
    requests.exceptions.RequestException: _unreachable,
    urllib3.exceptions.DecodeError: _malformed,
    urllib3.exceptions.HTTPError: _unreachable,
    OSError: _unreachable,
}
"""The nearest class in an exception's own order decides; what is not here is a stumble over a strange envelope."""


def translate(error: Exception, asked: Asked) -> MarketDataError:
    """The error of our tree for anything that a call to Kite raised. Total: there is no other way out."""
    if isinstance(error, MarketDataError):
        return error
    if isinstance(error, kite.KiteException) and _code(error) == HTTPStatus.TOO_MANY_REQUESTS:
        return rate_limited(asked)
    for kind in type(error).__mro__:
        if kind in TRANSLATIONS:
            return TRANSLATIONS[kind](error, asked)
    return _malformed(error, asked)
