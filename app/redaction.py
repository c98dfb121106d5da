"""What must never be written anywhere: registered secrets, fields that look like one, and tokens in addresses.

`app.logs` passes every log entry through `Redactor`, after tracebacks became text, and once more the finished
line. `app.runtime` makes one `Secrets`, and whoever learns a new token adds it there.
"""

import re
from collections import deque
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, Literal, TypeGuard
from urllib.parse import quote

from structlog.typing import EventDict, WrappedLogger

REDACTED: Final = "[redacted]"
SHORTEST_SECRET = 6
"""Shorter texts stand in ordinary words, and scrubbing them would only make the log unreadable."""
MAX_LEARNT = 30
"""A service gets about one Kite token a day: the oldest are forgotten first, and died weeks before."""
MAX_DEPTH = 6
"""Deeper values are shown as their text: no log entry needs more levels, and a cycle must end."""
MAX_ITEMS = 200
"""More items of one value are cut: a log line is for a person."""

SECRET_FIELDS = re.compile(
    r"(?:^|_)(?:access_?tokens?|request_?tokens?|public_?token|refresh_?token|enctoken|token|tokens|secrets?|secret_key"
    r"|secrets_key|authorization|cookies?|set_cookie|password|passwd|checksum|credentials?|private_key)$"
)
PARTLY_SHOWN = frozenset({"api_key", "kite_api_key"})
"""Names rather than secrets, and still nobody else's business: their first characters tell them apart."""
NOT_SECRET = frozenset({"instrument_token", "instrument_tokens", "exchange_token", "exchange_tokens"})

_QUERY = re.compile(
    r"(?i)([?&;](?:access_token|request_token|public_token|refresh_token|enctoken|token|checksum|api_secret|state"
    r"|signature|sig|password|secret|api_key)=)[^&\s\"'<>#]+"
)
_HEADER = re.compile(r"(?i)\b((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?)(?:(?:token|bearer|basic)\s+)?[^\s\"',]+")
_USERINFO = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s/@]+(?=@)")
_KEEP_FIRST: Final = rf"\1{REDACTED}"


class Secrets:
    """The secrets of this process, to be found in any text. They never come out again, not even in repr."""

    def __init__(self, values: Iterable[str | None] = ()) -> None:
        """`values`: those of the settings, which are never forgotten."""
        self._kept = tuple(value for value in values if _worth_hiding(value))
        self._learnt: deque[str] = deque(maxlen=MAX_LEARNT)
        self._pattern = _any_of(self._kept)

    def __repr__(self) -> str:
        """Only how many there are."""
        return f"Secrets({len(self._kept) + len(self._learnt)})"

    def add(self, value: str | None) -> None:
        """From now on the value and its URL-encoded form are scrubbed. Empty and very short ones are ignored."""
        if _worth_hiding(value) and value not in self._learnt:
            self._learnt.append(value)
            self._pattern = _any_of((*self._kept, *self._learnt))

    def scrub(self, text: str) -> str:
        """The text without any registered secret."""
        return self._pattern.sub(REDACTED, text) if self._pattern else text


def _worth_hiding(value: str | None) -> TypeGuard[str]:
    return value is not None and len(value) >= SHORTEST_SECRET


def _any_of(values: tuple[str, ...]) -> re.Pattern[str] | None:
    """Longest first: of two that begin alike, none may leave a tail behind."""
    forms = {form for value in values for form in (value, quote(value, safe=""))}
    return re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True)))) if forms else None


class Redactor:
    """A structlog processor that leaves no secret in an entry, however deep it stands."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """The entry, clean. Structlog's own fields (they begin with _) are passed on as they are."""
        return {key: value if key.startswith("_") else self.field(key, value) for key, value in event.items()}

    def field(self, name: str, value: object, depth: int = 0) -> object:
        """A value under its name: hidden if the name says secret, else searched."""
        if isinstance(value, bool | int | float | None):
            return value
        kind = _kind_of(name)
        if kind == "secret":
            return REDACTED
        if kind == "partly":
            text = str(value)
            return f"{text[:4]}..." if len(text) > SHORTEST_SECRET else REDACTED
        return self.value(value, depth)

    def value(self, value: object, depth: int = 0) -> object:
        """Any value, searched: texts are scrubbed, containers copied, and everything else becomes scrubbed text."""
        if isinstance(value, bool | int | float | None):
            return value
        if isinstance(value, str):
            return self.text(value)
        if depth < MAX_DEPTH and isinstance(value, Mapping):
            items = list(value.items())[:MAX_ITEMS]
            return {self.text(str(key)): self.field(str(key), item, depth + 1) for key, item in items}
        if depth < MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
            return [self.value(item, depth + 1) for item in list(value)[:MAX_ITEMS]]
        if isinstance(value, bytes | bytearray | memoryview):
            return f"<{len(value)} bytes>"
        return self.text(_shown(value))

    def text(self, text: str) -> str:
        """A text without registered secrets, tokens in addresses, credentials in headers."""
        text = self._secrets.scrub(text)
        if ":" in text or "=" in text:  # most texts have neither, and the patterns need one
            text = _QUERY.sub(_KEEP_FIRST, text)
            text = _HEADER.sub(_KEEP_FIRST, text)
            text = _USERINFO.sub(_KEEP_FIRST, text)
        return text


@lru_cache(maxsize=512)  # our own field names are few; a stranger's mapping may have any
def _kind_of(name: str) -> Literal["secret", "partly", "open"]:
    key = name.lower().replace("-", "_")
    if key in PARTLY_SHOWN:
        return "partly"
    return "secret" if key not in NOT_SECRET and SECRET_FIELDS.search(key) else "open"


def _shown(value: object) -> str:
    """The value as text. An object that cannot be shown must not lose the log entry."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 # somebody else's __str__ may raise anything, and the entry matters more
        return f"<{type(value).__name__}>"
