"""The one way to the network for yfinance.

Comes in: a request that yfinance wants to send, in a worker thread, to one of the hosts that it has built in. Goes
out: the answer of the configured host. Each request, also each for a cookie, is counted, paid from the budget, bounded
in time and size, and verified. Used by `vendor` alone.

Imports curl_cffi: to be imported in a worker thread, by `vendor` alone.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from curl_cffi.const import CurlHttpVersion
from curl_cffi.curl import CURL_WRITEFUNC_ERROR
from curl_cffi.requests import Response, Session
from curl_cffi.requests.exceptions import DNSError, RequestException

from app.domain.errors import MalformedPayload, SourceTimeout, SourceUnavailable
from app.ports import Clock
from app.providers.yahoo.calls import YahooCall
from app.providers.yahoo.config import YahooConfig, is_yahoo_host
from app.providers.yahoo.errors import by_status, translate
from app.providers.yahoo.limits import MAX_ANSWER_BYTES, MAX_REDIRECTS, Endpoint

COOKIE_HOST = "fc.yahoo.com"
CONSENT_HOSTS = frozenset({"guce.yahoo.com", "consent.yahoo.com"})
API_HOSTS = frozenset({"query1.finance.yahoo.com", "query2.finance.yahoo.com"})
CRUMB_PATH = "/v1/test/getcrumb"
CRUMB = re.compile(rb"[\x21-\x3b\x3d-\x7e]{1,64}")
"""Eleven characters, as a rule; a page of HTML is none."""
LEAST_SECONDS = 0.05
"""With less time left nothing is sent: curl takes 0 for `for ever`."""
ANSWERED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY})
"""Statuses under which Yahoo explains in its own envelope what it does not have."""
REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
"""A stale cookie or crumb: yfinance asks once more with new ones."""


class Answered(Exception):
    """Yahoo's own words for what it does not have: status and body, for the parser."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body


def redirected(url: str, config: YahooConfig) -> str:
    """Where a request really goes. Raises SourceUnavailable for every host but Yahoo's own or the configured one."""
    parts, root = urlsplit(url), urlsplit(config.api_url)
    if (parts.scheme, parts.netloc) == (root.scheme, root.netloc):
        return url
    if parts.scheme != "https" or not is_yahoo_host(parts.hostname):
        msg = "a request for Yahoo was about to go to another host; it was not sent"
        raise SourceUnavailable(msg)
    if config.is_direct:
        return url
    path = root.path.rstrip("/") + _path(parts)
    return urlunsplit((root.scheme, root.netloc, path, parts.query, ""))


def _path(parts: SplitResult) -> str:
    if parts.hostname in API_HOSTS:
        return parts.path
    if parts.hostname == COOKIE_HOST:
        return "/fc"
    if parts.hostname in CONSENT_HOSTS:
        return f"/guce{parts.path}"
    msg = "a request for Yahoo was about to go to a host that the simulation does not have; it was not sent"
    raise SourceUnavailable(msg)


class YahooSession(Session[Response]):
    """A session of curl_cffi, as yfinance accepts it; it looks like a browser, else Yahoo refuses it.

    Safe for several threads: each has its own handle of curl, and its own call.
    """

    def __init__(self, config: YahooConfig, clock: Clock, *, max_bytes: int = MAX_ANSWER_BYTES) -> None:
        if config.is_direct:
            super().__init__(impersonate="chrome", verify=True)
        else:
            # A simulation without TLS would be asked for HTTP/2 with each request, and lies on this side of any proxy.
            version, none = CurlHttpVersion.V1_1, {"all": ""}
            super().__init__(impersonate="chrome", verify=True, http_version=version, proxies=none)  # type: ignore[arg-type]  # a mapping of literals
        self._config = config
        self._clock = clock
        self._max_bytes = max_bytes
        self._present = threading.local()

    @contextmanager
    def calling(self, call: YahooCall) -> Iterator[None]:
        """What this thread sends from now on belongs to `call`."""
        self._present.call = call
        try:
            yield
        finally:
            del self._present.call

    def request(self, method: str, url: str, **options: Any) -> Response:  # type: ignore[override]  # a narrower one
        """The answer of the configured host, its body whole. Raises errors of our tree, Answered, and DNSError.

        An error of our tree ends yfinance's call at once; it would answer any other failure with up to six requests.
        """
        call: YahooCall = self._present.call
        endpoint = _endpoint(url, call)
        for _ in range(MAX_REDIRECTS + 1):
            call.pay(endpoint)
            answer = self._send(call, endpoint, method, redirected(url, self._config), options)
            location = answer.headers.get("location")
            if not (HTTPStatus.MULTIPLE_CHOICES <= answer.status_code < HTTPStatus.BAD_REQUEST and location):
                return self._judged(answer, call, endpoint)
            url, method = urljoin(answer.url, location), "GET"
            options = {name: value for name, value in options.items() if name not in {"params", "data", "json"}}
        msg = f"Yahoo redirects a {endpoint} request without end; check YAHOO_API_URL"
        raise SourceUnavailable(msg)

    def _send(self, call: YahooCall, endpoint: Endpoint, method: str, url: str, options: dict[str, Any]) -> Response:
        begun = self._clock.monotonic()
        left = call.deadline - begun
        if left < LEAST_SECONDS:
            raise SourceTimeout(f"Yahoo did not answer a {endpoint} request in time; ask again")
        connect = min(self._config.patience.connect, left / 2)
        body = bytearray()

        def keep(part: bytes) -> int:
            body.extend(part)
            return len(part) if len(body) <= self._max_bytes else CURL_WRITEFUNC_ERROR

        bounds = {"timeout": (connect, left - connect), "allow_redirects": False, "verify": True}
        sent = call.begin(endpoint, begun)
        try:
            answer = super().request(method, url, **{**options, **bounds}, content_callback=keep)  # type: ignore[arg-type]  # the vendor wants literals
        except RequestException as error:
            failure = self._failure(error, endpoint, len(body))
            sent.outcome = translate(failure, endpoint).code
        else:
            sent.outcome = _outcome(answer, endpoint)
            answer.content = bytes(body)
            return answer
        finally:
            sent.seconds = self._clock.monotonic() - begun
        # Raised outside of the handler: the vendor's error holds the address with the crumb.
        raise failure

    def _failure(self, error: RequestException, endpoint: Endpoint, received: int) -> Exception:
        if received > self._max_bytes:
            return MalformedPayload(f"Yahoo's answer has more than {self._max_bytes} bytes; that is none of its own")
        if isinstance(error, DNSError) and endpoint is Endpoint.SESSION:
            # fc.yahoo.com is on lists against advertising; yfinance has a second way to a cookie.
            return DNSError("the host of the cookie has no address")
        return translate(error, endpoint)

    def _judged(self, answer: Response, call: YahooCall, endpoint: Endpoint) -> Response:
        """The answer, if yfinance may see it. Of the cookie's page it takes the cookie alone, whatever the status."""
        status = answer.status_code
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            call.refused(endpoint)
            raise by_status(status, endpoint)
        if endpoint is Endpoint.SESSION:
            return self._judged_session(answer, call)
        if status < HTTPStatus.BAD_REQUEST or status in REFUSED:
            return answer
        if status in ANSWERED:
            raise Answered(status, answer.content)
        raise by_status(status, endpoint)

    def _judged_session(self, answer: Response, call: YahooCall) -> Response:
        if not _is_crumb(answer.url):
            return answer
        if answer.ok and CRUMB.fullmatch(answer.content):
            return answer
        # yfinance would take the text of any failure for a crumb. Charts need none: it goes on without.
        if call.endpoint is Endpoint.CHART:
            raise CrumbRefused
        if answer.ok:
            msg = "Yahoo answered the request for a crumb with something that is none"
            raise MalformedPayload(msg)
        raise by_status(answer.status_code, Endpoint.SESSION)


class CrumbRefused(OSError):
    """No crumb: an OSError, after which yfinance goes on without one."""


def _endpoint(url: str, call: YahooCall) -> Endpoint:
    parts = urlsplit(url)
    is_own = parts.hostname not in CONSENT_HOSTS | {COOKIE_HOST} and parts.path != CRUMB_PATH
    return call.endpoint if is_own else Endpoint.SESSION


def _is_crumb(url: str) -> bool:
    return urlsplit(url).path.endswith(CRUMB_PATH)


def _outcome(answer: Response, endpoint: Endpoint) -> str:
    """The label of a metric. The cookie's page has a cookie under any status; 404 is its usual one."""
    status = answer.status_code
    of_cookie = endpoint is Endpoint.SESSION and not _is_crumb(answer.url)
    fine = status < HTTPStatus.BAD_REQUEST or (of_cookie and status != HTTPStatus.TOO_MANY_REQUESTS)
    return "ok" if fine else by_status(status, endpoint).code
