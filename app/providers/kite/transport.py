"""The vendor's client on a transport that we trust.

Comes in: a route of `kiteconnect` and its parameters, in a worker thread. Goes out: the `data` of Kite's
envelope, or CSV bytes. Used by `client` alone, which translates what it raises.
"""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import urllib3.connectionpool
from kiteconnect import KiteConnect
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from app.domain.errors import MalformedPayload, SourceTimeout
from app.ports import Clock
from app.providers.kite.config import KiteConfig, Patience
from app.providers.kite.limits import (
    MAX_ANSWER_BYTES,
    MAX_MASTER_BYTES,
    MAX_THREADS,
)

READ_BYTES = 64 << 10
"""What is read between two looks at the clock."""
WARNINGS_ONLY = 30
"""logging.WARNING: at DEBUG urllib3 logs whole URLs, and the one that ends a session holds its token."""


class ForeignAnswer(Exception):
    """An answer that is neither JSON nor CSV, such as a proxy's page; kiteconnect would lose its HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


class KiteTransport(HTTPAdapter):
    """Reads each answer whole, within a deadline and a size, and lets only Kite's own content types through.

    A read timeout alone lets a server that sends one byte a second hold a thread for ever. Thread-safe.
    """

    def __init__(self, clock: Clock, *, seconds: float, max_bytes: int) -> None:
        super().__init__(pool_connections=1, pool_maxsize=MAX_THREADS, max_retries=0)
        self._clock = clock
        self._seconds = seconds
        self._max_bytes = max_bytes

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002, ARG002 -- the vendor's signature
        timeout: float | tuple[float | None, float | None] | None = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002 -- the vendor's signature
        cert: str | tuple[str, str] | None = None,
        proxies: dict[str, str] | None = None,
    ) -> Response:
        """The answer, its body in memory. Raises ForeignAnswer, SourceTimeout, MalformedPayload and requests' own."""
        deadline = self._clock.monotonic() + self._seconds
        response = super().send(request, True, timeout, verify, cert, proxies)
        try:
            # A body that urllib3 no longer holds also keeps Kite's cookies out of the shared session.
            response.raw = BytesIO(self._body(response, deadline))
        except BaseException:
            response.close()
            raise
        kind = response.headers.get("content-type", "")
        if not response.is_redirect and "json" not in kind and "csv" not in kind:
            raise ForeignAnswer(response.status_code)
        return response

    def _body(self, response: Response, deadline: float) -> bytes:
        body = bytearray()
        while chunk := response.raw.read1(READ_BYTES, decode_content=True):
            body += chunk
            if len(body) > self._max_bytes:
                msg = f"Kite's answer has more than {self._max_bytes} bytes; that is none of its own"
                raise MalformedPayload(msg)
            if self._clock.monotonic() > deadline:
                msg = f"Kite's answer was not complete after {self._seconds:g} s; ask again"
                raise SourceTimeout(msg)
        return bytes(body)


class KiteRest(KiteConnect):  # type: ignore[misc]  # the vendor has no types
    """`kiteconnect` with one token for its whole life: a new token takes a new object, so threads share no state.

    TLS is verified. The environment is not trusted: requests would let a line in ~/.netrc replace Kite's
    Authorization header, and a proxy variable send the token elsewhere. Kite never redirects, so nothing is
    followed. `debug` stays off: it logs the token.
    """

    def __init__(self, config: KiteConfig, token: str | None, clock: Clock) -> None:
        super().__init__(
            config.api_key,
            access_token=token,
            root=config.api_url,
            timeout=(config.patience.connect, config.patience.read),
        )
        urllib3.connectionpool.log.setLevel(WARNINGS_ONLY)
        self.reqsession.trust_env = False
        self.reqsession.max_redirects = 0
        self._mount(config.api_url.rstrip("/"), config.patience, clock)

    def __repr__(self) -> str:
        """Never shows the token."""
        return "KiteRest()"

    def _mount(self, root: str, patience: Patience, clock: Clock) -> None:
        """The longest prefix wins: history lies below the master's address."""
        usual = KiteTransport(clock, seconds=patience.answer, max_bytes=MAX_ANSWER_BYTES)
        master = KiteTransport(clock, seconds=patience.master, max_bytes=MAX_MASTER_BYTES)
        for prefix in ("http://", "https://", f"{root}/instruments/historical"):
            self.reqsession.mount(prefix, usual)
        self.reqsession.mount(f"{root}/instruments", master)

    def fetch(self, route: str, params: Mapping[str, object] | None = None, **url_args: object) -> Any:
        """Kite's `data` for a GET, or bytes for CSV: without kiteconnect's slow reading of dates and rows."""
        return self._get(route, url_args=url_args, params=params)

    def close(self) -> None:
        """Close idle connections; one in use closes when its answer is there."""
        self.reqsession.close()
