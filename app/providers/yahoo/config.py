"""Where Yahoo is. Built by the runtime from the settings; read by every part of the provider."""

from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from app.domain.provenance import DataSource
from app.providers.yahoo.limits import ANSWER_SECONDS, CONNECT_SECONDS, IMPORT_SECONDS

API_URL = "https://query1.finance.yahoo.com"
STREAM_URL = "wss://streamer.finance.yahoo.com/?version=2"


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds Yahoo may take; tests have less of it."""

    connect: float = CONNECT_SECONDS
    answer: float = ANSWER_SECONDS
    """A whole call, with cookie, crumb and retry."""
    first: float = IMPORT_SECONDS
    """What the first call may take longer, for the import of the vendor's library."""


def is_yahoo_host(host: str | None) -> bool:
    """Whether a host is Yahoo's own."""
    return host is not None and (host == "yahoo.com" or host.endswith(".yahoo.com"))


@dataclass(frozen=True, slots=True)
class YahooConfig:
    """Both addresses. Raises ValueError for one that requests cannot be sent to."""

    api_url: str = API_URL
    """Root of the REST endpoints: Yahoo's own, or one that speaks its wire."""
    stream_url: str = STREAM_URL
    patience: Patience = field(default_factory=Patience)

    def __post_init__(self) -> None:
        """A slip in a setting ends the start, not the first call."""
        _check("YAHOO_API_URL", self.api_url, {"http", "https"})
        _check("YAHOO_STREAM_URL", self.stream_url, {"ws", "wss"})

    @property
    def source(self) -> DataSource:
        """YAHOO only if both addresses are Yahoo's own, by TLS; what else speaks its wire is SANDBOX.

        The label cannot be set: a simulated price that calls itself real is the worst bug we could have.
        """
        api, stream = urlsplit(self.api_url), urlsplit(self.stream_url)
        is_real = self.is_direct and is_yahoo_host(stream.hostname) and (api.scheme, stream.scheme) == ("https", "wss")
        return DataSource.YAHOO if is_real else DataSource.SANDBOX

    @property
    def is_direct(self) -> bool:
        """Whether requests go to the hosts that yfinance names, instead of to `api_url`."""
        parts = urlsplit(self.api_url)
        return parts.scheme == "https" and is_yahoo_host(parts.hostname)


def _check(name: str, url: str, schemes: set[str]) -> None:
    parts: SplitResult = urlsplit(url)
    if parts.scheme not in schemes or not parts.netloc:
        raise ValueError(f"{name} must begin with {' or '.join(sorted(schemes))}:// and name a host, not {url!r}")
