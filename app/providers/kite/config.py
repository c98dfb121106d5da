"""Where Kite is and who asks it. Built by the runtime from the settings; read by every part of the provider."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from app.domain.provenance import DataSource
from app.providers.kite.limits import ANSWER_SECONDS, CONNECT_SECONDS, MASTER_SECONDS, READ_SECONDS


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds Kite may take; tests have less of it."""

    connect: float = CONNECT_SECONDS
    read: float = READ_SECONDS
    """Silence on an open connection."""
    answer: float = ANSWER_SECONDS
    """A whole answer."""
    master: float = MASTER_SECONDS
    """The whole instrument master."""


@dataclass(frozen=True, slots=True)
class KiteConfig:
    """One Kite Connect app. Raises ValueError for an `api_url` that the client would silently bend."""

    api_key: str
    api_secret: str = field(repr=False)
    api_url: str
    """Root of the REST API: scheme, host and port."""
    login_page: str
    """The broker's login page."""
    login_url: str
    """Our own link that starts a login; told to whoever gets LoginRequired."""
    source: DataSource
    """KITE or SANDBOX: the label of everything that comes from there."""
    patience: Patience = Patience()

    def __post_init__(self) -> None:
        """Kiteconnect joins with urljoin, which drops a path."""
        parts = urlsplit(self.api_url)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path.strip("/") or parts.query:
            msg = f"KITE_API_URL must be https://host or http://host:port without a path, not {self.api_url!r}"
            raise ValueError(msg)
