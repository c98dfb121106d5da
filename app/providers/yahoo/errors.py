"""What yfinance and its transport raise -> the one error tree. The only place that knows the vendors' exceptions.

Comes in: whatever a worker thread raised, or a status. Goes out: an error that a caller may see. Addresses, with the
crumb in them, and bodies stand in the vendors' messages, so none of them is ever taken over.

    429, YFRateLimitError                    RateLimited
    401, 403 after a fresh cookie and crumb  SourceUnavailable
    404 in Yahoo's envelope                  NotPriced           the parser decides what is missing
    other 4xx, 5xx                           SourceUnavailable
    timeouts                                 SourceTimeout
    connections, TLS, curl's own             SourceUnavailable
    unreadable JSON, other stumbles          MalformedPayload
    YFTickerMissingError                     NotPriced

Imports yfinance: to be imported in a worker thread, by `vendor` alone.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus

from curl_cffi import CurlError
from curl_cffi.requests import exceptions as curl
from yfinance import exceptions as yahoo

from app.domain.errors import (
    MalformedPayload,
    MarketDataError,
    NotPriced,
    NotSupported,
    RateLimited,
    SourceTimeout,
    SourceUnavailable,
)
from app.providers.yahoo.limits import RETRY_AFTER_REFUSAL_MS, Endpoint


def rate_limited(endpoint: Endpoint) -> RateLimited:
    """Yahoo said 429 although our budget allowed the request."""
    msg = f"Yahoo refuses {endpoint} requests for now: too many come from this address; ask again"
    return RateLimited(msg, retry_after_ms=RETRY_AFTER_REFUSAL_MS)


def by_status(status: int, endpoint: Endpoint) -> MarketDataError:
    """The error of an answer with this status, which is none of success."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return rate_limited(endpoint)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return SourceUnavailable(
            f"Yahoo refuses our cookie and crumb for a {endpoint} request, new ones too; ask again"
        )
    return SourceUnavailable(f"Yahoo failed a {endpoint} request with status {status}; ask again")


def _limited(_: Exception, endpoint: Endpoint) -> MarketDataError:
    return rate_limited(endpoint)


def _missing(_: Exception, endpoint: Endpoint) -> MarketDataError:
    return NotPriced(f"Yahoo has nothing for this {endpoint} request; the instrument may be delisted")


def _refused(_: Exception, endpoint: Endpoint) -> MarketDataError:
    return SourceUnavailable(f"Yahoo's library could not send a {endpoint} request; ask again")


def _unable(_: Exception, endpoint: Endpoint) -> MarketDataError:
    return NotSupported(f"Yahoo's library cannot do what a {endpoint} request needs")


def _timeout(_: Exception, endpoint: Endpoint) -> MarketDataError:
    return SourceTimeout(f"Yahoo did not answer a {endpoint} request in time; ask again")


def _tls(_: Exception, endpoint: Endpoint) -> MarketDataError:
    return SourceUnavailable(f"the certificate of Yahoo's server cannot be verified; no {endpoint} request was sent")


def _unreachable(_: Exception, endpoint: Endpoint) -> MarketDataError:
    return SourceUnavailable(f"Yahoo cannot be reached for a {endpoint} request; ask again")


def _malformed(_: Exception, endpoint: Endpoint) -> MarketDataError:
    return MalformedPayload(f"Yahoo answered a {endpoint} request with something that is not its format")


TRANSLATIONS: Mapping[type[Exception], Callable[[Exception, Endpoint], MarketDataError]] = {
    yahoo.YFRateLimitError: _limited,
    yahoo.YFTickerMissingError: _missing,
    yahoo.YFTzMissingError: _missing,
    yahoo.YFPricesMissingError: _missing,
    yahoo.YFEarningsDateMissing: _missing,
    yahoo.YFInvalidPeriodError: _unable,
    yahoo.YFNotImplementedError: _unable,
    yahoo.YFDataException: _refused,
    yahoo.YFException: _refused,
    TimeoutError: _timeout,
    curl.Timeout: _timeout,
    curl.SSLError: _tls,
    curl.InvalidJSONError: _malformed,
    curl.ContentDecodingError: _malformed,
    curl.RequestException: _unreachable,
    CurlError: _unreachable,
    OSError: _unreachable,
}
"""The nearest class in an exception's own order decides; what is not here is a stumble over a strange answer."""


def translate(error: Exception, endpoint: Endpoint) -> MarketDataError:
    """The error of our tree for anything that a call raised. Total: there is no other way out."""
    if isinstance(error, MarketDataError):
        return error
    for kind in type(error).__mro__:
        if kind in TRANSLATIONS:
            return TRANSLATIONS[kind](error, endpoint)
    return _malformed(error, endpoint)
