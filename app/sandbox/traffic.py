"""What the sandbox was asked, so that tests can count calls.

Comes in: each request's method, path and status. Goes out: counters by class and route, and the last requests.
"""

from collections import Counter, deque
from dataclasses import dataclass

RECENT = 5_000
"""Requests remembered one by one; a test asks for a few hundred."""
_CLASS_BY_PREFIX = (
    ("/sandbox", "control"),
    ("/quote", "quote"),
    ("/instruments/historical", "historical"),
    ("/instruments", "instruments"),
    ("/session", "session"),
    ("/user", "profile"),
    ("/connect", "login"),
    ("/v7/finance/quote", "yahoo_quote"),
    ("/v8/finance/chart", "yahoo_chart"),
    ("/v10/finance/quoteSummary", "yahoo_summary"),
    ("/v1/finance/search", "yahoo_search"),
    ("/v1/test/getcrumb", "yahoo_crumb"),
    ("/fc", "yahoo_cookie"),
    ("/guce", "yahoo_cookie"),
    ("/consent", "yahoo_cookie"),
    ("/streamer", "yahoo_stream"),
)
_PATHS_WITH_A_NAME = ("/instruments/historical", "/v8/finance/chart", "/v10/finance/quoteSummary")
_MAX_ROUTES = 200
"""Different paths counted by name; a scan of unknown paths must not fill the memory."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One request."""

    endpoint: str
    """quote, historical, instruments, session, profile, login, ticker (an upgrade), unknown, or one of Yahoo's:
    yahoo_quote, yahoo_chart, yahoo_summary, yahoo_search, yahoo_crumb, yahoo_cookie, yahoo_stream (an upgrade).
    """
    method: str
    path: str
    instruments: int
    """How many `i=` the query had, or symbols in Yahoo's `symbols=`."""
    status: int


def endpoint_class(path: str) -> str:
    """The class that a path is counted under."""
    return next((name for prefix, name in _CLASS_BY_PREFIX if path.startswith(prefix)), "unknown")


def is_yahoo(path: str) -> bool:
    """Whether a path is one of Yahoo's."""
    return endpoint_class(path).startswith("yahoo_")


def instruments_asked(query: bytes) -> int:
    """How many instruments a raw query names."""
    fields = query.split(b"&")
    symbols = next((field for field in fields if field.startswith(b"symbols=") and len(field) > len(b"symbols=")), None)
    if symbols is not None:
        return symbols.replace(b"%2C", b",").replace(b"%2c", b",").count(b",") + 1
    return sum(field.startswith(b"i=") for field in fields)


def _route(path: str) -> str:
    return next((prefix for prefix in _PATHS_WITH_A_NAME if path.startswith(f"{prefix}/")), path)


class Traffic:
    """Counters of one sandbox. `by_class` and `by_path` count for ever, `recent` holds the last requests."""

    def __init__(self) -> None:
        self.by_class: Counter[str] = Counter()
        self.by_path: Counter[str] = Counter()
        self.by_status: Counter[int] = Counter()
        self.recent: deque[Seen] = deque(maxlen=RECENT)

    def count(self, seen: Seen) -> None:
        """Count one request, answered or refused."""
        self.by_class[seen.endpoint] += 1
        self.by_status[seen.status] += 1
        route = _route(seen.path)
        if route in self.by_path or len(self.by_path) < _MAX_ROUTES:
            self.by_path[route] += 1
        self.recent.append(seen)

    def reset(self) -> None:
        """Begin to count anew."""
        for counter in (self.by_class, self.by_path, self.by_status, self.recent):
            counter.clear()
