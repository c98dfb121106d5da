"""Settings of the sandbox exchange.

Comes in: what the command line or a test chose. Goes out: one frozen object that every part of the sandbox reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

DEFAULT_API_KEY = "sandboxkey"
DEFAULT_API_SECRET = "sandboxsecret"  # noqa: S105  a published constant: it opens nothing but simulated prices
KITE_RATES: Mapping[str, int] = MappingProxyType({"quote": 1, "historical": 3, "other": 10})
"""Requests a second that Kite allows by endpoint class; quote, ohlc and ltp share one class."""
KITE_URL_BYTES = 8_192
"""The longest request target; Kite's own front refuses somewhat later, so who keeps to this is safe there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """What may be chosen of a sandbox. The defaults are Kite's own rules and a market that never closes."""

    redirect_url: str
    """Where a finished login returns to: the service's callback."""
    api_key: str = DEFAULT_API_KEY
    api_secret: str = field(default=DEFAULT_API_SECRET, repr=False)
    seed: int = 1
    """Two sandboxes with the same seed show the same prices at the same time."""
    calendar: Literal["always-open", "indian"] = "always-open"
    """Whether the market trades around the clock or by the NSE's calendar."""
    master_rows: int | None = None
    """Serve a generated master of so many rows, most of which have no price; None: the market's own."""
    session_file: Path | None = None
    """Where sessions are kept (hashed), so that an access token survives a restart; None: in memory alone."""
    rate_limits: Mapping[str, int] | None = field(default_factory=lambda: KITE_RATES)
    """Requests a second by endpoint class (quote, historical, other); None: no limits."""
    max_url_bytes: int = KITE_URL_BYTES
    """A longer request target gets 414."""
    heartbeat_seconds: float = 1.0
    """Time between two 1-byte heartbeats on each socket."""
    tick_seconds: float = 0.5
    """Time between two looks at the market; an instrument sends at most one packet in it."""
    request_token_seconds: float = 300.0
    """How long a finished login may be exchanged for a session."""
    max_sockets: int = 3
    """Ticker sockets that one api_key may hold open."""
    max_tokens_per_socket: int = 3_000
    """Instruments that one socket may subscribe to."""
    max_outbox_bytes: int = 4 * 1024 * 1024
    """Unsent bytes after which a socket that does not read is dropped: about four seconds of a full load."""
    yahoo_delay_seconds: float | None = None
    """How late all of Yahoo's prices are; None: each as its exchange has it, 15 minutes in India."""
    yahoo_stream_seconds: float = 1.0
    """Time between two looks at the market for Yahoo's stream."""
    user_id: str = "AB1234"
    user_name: str = "Sandbox User"
