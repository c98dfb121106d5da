"""Faults on demand: what is wrong with the sandbox at this moment.

Comes in: bodies of the control endpoint. Goes out: for each request the faults that hit it. The gate applies those of
REST requests and upgrades, the control endpoint runs the actions, the price desk applies negative prices.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from app.ports import Clock
from app.sandbox.traffic import is_yahoo

ANSWERS = frozenset(
    {"http_error", "html_502", "garbage", "rate_limit", "no_content_type", "no_error_type", "json_list"}
)
"""Kinds that answer a request in place of the sandbox."""
YAHOO_ANSWERS = frozenset({"yahoo_429", "yahoo_html", "yahoo_down"})
"""The same of Yahoo's side."""
DELAYS = frozenset({"latency", "yahoo_slow"})
"""Kinds that let a request wait; `seconds` is the delay."""
PRICES = frozenset({"negative_price", "yahoo_missing", "yahoo_delisted", "yahoo_deviation"})
"""Kinds that change what is seen of an instrument, whatever is asked."""
STANDING = ANSWERS | YAHOO_ANSWERS | DELAYS | PRICES
"""Kinds that hold for `count` requests, for `seconds`, or until they are removed."""
YAHOO_ACTIONS = frozenset({"yahoo_stale_crumb", "yahoo_stream_silent", "yahoo_stream_abort", "yahoo_stream_close"})
"""Kinds of Yahoo's side that happen at once."""
ACTIONS = frozenset({"stall_socket", "drop_socket", "dead_token", "tick_burst"}) | YAHOO_ACTIONS
"""Kinds that happen at once."""
KINDS = STANDING | ACTIONS
YAHOO = "yahoo_"
"""Begins every kind of Yahoo's side; these hit Yahoo's paths alone, and all others Kite's unless a path is given."""
TICKER_PATH = "ticker"
"""The `path` by which a fault means the ticker's upgrade; a fault without a path means REST alone."""
MAX_STANDING = 100
MAX_SECONDS = 3_600.0
MAX_COUNT = 1_000_000
MAX_BASIS_POINTS = 9_000
_KEYS = frozenset({"kind", "path", "count", "seconds", "status", "instrument", "basis_points"})


class BadFault(Exception):
    """A fault that makes no sense; the message says why and names the kinds."""


@dataclass(slots=True)
class Fault:
    """One fault."""

    kind: str
    path: str | None = None
    """Prefix of the paths it hits; `ticker` for upgrades; None for every path of its side, login pages left out."""
    count: int | None = None
    """How many more requests (sockets, ticks) it hits; None: no end."""
    seconds: float | None = None
    """latency, yahoo_slow: the delay. Every other kind: how long it lasts; None: no end."""
    status: int = 503
    """Status of http_error, yahoo_down and yahoo_html, whose page may also come with 200."""
    instrument: str | None = None
    """negative_price and tick_burst: the one instrument, EXCHANGE:SYMBOL; of Yahoo's kinds its symbol; None: all."""
    basis_points: int = 0
    """yahoo_deviation: by how much Yahoo's prices differ from Kite's."""
    until: float | None = None
    """Monotonic time of its end, from `seconds`."""


def parse_fault(body: object) -> Fault:
    """The fault that a JSON body describes. Raises BadFault."""
    if not isinstance(body, Mapping):
        raise BadFault(_complaint("the body is no JSON object"))
    kind = body.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadFault(_complaint(f"unknown kind {str(kind)[:40]!r}"))
    if unknown := sorted(map(str, body.keys() - _KEYS)):
        raise BadFault(_complaint(f"unknown field {unknown[0]!r}; known are {', '.join(sorted(_KEYS))}"))
    return Fault(
        kind=kind,
        path=_text(body, "path"),
        count=_whole(body, "count", 1, MAX_COUNT),
        seconds=_seconds(body),
        status=_whole(body, "status", 200 if kind == "yahoo_html" else 400, 599) or 503,
        instrument=_text(body, "instrument"),
        basis_points=_whole(body, "basis_points", -MAX_BASIS_POINTS, MAX_BASIS_POINTS) or 0,
    )


def _complaint(what: str) -> str:
    fields = "{kind, path?, count?, seconds?, status?, instrument?, basis_points?}"
    return f"{what}; a fault is {fields} with kind one of {_kinds()}"


def _kinds() -> str:
    return ", ".join(sorted(KINDS))


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise BadFault(_complaint(f"{name} must be a string or null"))
    return value


def _whole(body: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadFault(_complaint(f"{name} must be a whole number from {low} to {high}, or null"))
    return value


def _seconds(body: Mapping[str, Any]) -> float | None:
    value = body.get("seconds")
    if value is None:
        return 1.0 if body["kind"] in DELAYS else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_SECONDS:
        raise BadFault(_complaint(f"seconds must be a number from 0 to {MAX_SECONDS:.0f}, or null"))
    return float(value)


class Faults:
    """The standing faults of one sandbox, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._standing: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let a standing fault hold from now on. Raises BadFault when there are too many."""
        if len(self._standing) >= MAX_STANDING:
            raise BadFault(f"{MAX_STANDING} faults hold already; DELETE /sandbox/faults first")
        if fault.kind not in DELAYS and fault.seconds is not None:
            fault.until = self._clock.monotonic() + fault.seconds
        self._standing.append(fault)

    def clear(self) -> None:
        """Nothing is wrong any more."""
        self._standing.clear()

    def listed(self) -> list[dict[str, object]]:
        """The faults that hold, for the control endpoint."""
        self._forget_ended()
        return [{key: value for key, value in asdict(fault).items() if key != "until"} for fault in self._standing]

    def hitting(self, path: str) -> list[Fault]:
        """The first latency and the first answer that hit a request; each is used up by one."""
        self._forget_ended()
        hits = [fault for fault in self._standing if _hits(fault, path)]
        latency = next((fault for fault in hits if fault.kind in DELAYS), None)
        answer = next((fault for fault in hits if fault.kind not in DELAYS), None)
        found = [fault for fault in (latency, answer) if fault is not None]
        for fault in found:
            if fault.count is not None:
                fault.count -= 1
        return found

    def makes_negative(self, instrument_id: str) -> bool:
        """Whether the instrument's price shall be shown below zero."""
        return bool(self.changing("negative_price", instrument_id))

    def changing(self, kind: str, instrument: str) -> list[Fault]:
        """The faults of a kind in PRICES that hold for an instrument, oldest first."""
        self._forget_ended()
        return [fault for fault in self._standing if fault.kind == kind and fault.instrument in {None, instrument}]

    def _forget_ended(self) -> None:
        now = self._clock.monotonic()
        self._standing = [
            fault for fault in self._standing if fault.count != 0 and (fault.until is None or fault.until > now)
        ]


def _hits(fault: Fault, path: str) -> bool:
    if fault.kind in PRICES:
        return False
    if fault.kind.startswith(YAHOO):
        return is_yahoo(path) and path.startswith(fault.path or "/")
    if TICKER_PATH in {path, fault.path}:
        return path == fault.path
    if fault.path is None:
        return not path.startswith("/connect") and not is_yahoo(path)
    return path.startswith(fault.path)
