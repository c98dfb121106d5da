"""Web pages that may call: the origins of CORS_ORIGINS, for CORS and for the Origin of WebSockets alike."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit


class OriginError(ValueError):
    """An entry of CORS_ORIGINS that is no origin; the message names it and shows one."""


class AllowedOrigins:
    """The service's own origin and those of the setting. `http://localhost:*` allows every port of a host."""

    def __init__(self, origins: str, own: str) -> None:
        """`origins`: comma-separated. Raises OriginError for an entry that is no origin."""
        entries = [entry.strip() for entry in origins.split(",") if entry.strip()]
        self._any = "*" in entries
        self.pattern = "|".join(_patterns([own, *(entry for entry in entries if entry != "*")]))
        """A regular expression that matches exactly the allowed origins."""
        if self._any:
            self.pattern = ".*"
        self._compiled = re.compile(self.pattern)

    def __call__(self, origin: str) -> bool:
        """Whether pages of this origin may call."""
        return self._compiled.fullmatch(origin) is not None


def _patterns(entries: Iterable[str]) -> Iterable[str]:
    for entry in entries:
        base, wildcard = (entry[:-2], "(:[0-9]+)?") if entry.endswith(":*") else (entry, "")
        parts = urlsplit(base)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query:
            msg = f"CORS_ORIGINS: {entry!r} is no origin; write for example http://localhost:5173 or http://localhost:*"
            raise OriginError(msg)
        yield re.escape(base) + wildcard
