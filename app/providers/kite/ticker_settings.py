"""The ticker's bounds and times. Tests shorten them; the defaults are Kite's limits and our reasons."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TickerSettings:
    """All durations in seconds."""

    sockets: int = 3
    """Kite's limit an api_key."""
    instruments_per_socket: int = 3_000
    """Kite's limit a socket."""
    chunk: int = 500
    """Tokens of one message: 3,000 in one message is 30 KB that nothing else can overtake."""
    flush_interval: float = 0.01
    """Shortest time between two deliveries: it is what a tick may wait here, and 25 ms is what it may in all."""
    silence: float = 5.0
    """A socket without a frame for so long is dead: heartbeats come every second (the official Go client's limit)."""
    silence_closed: float = 30.0
    """The same while no exchange trades: nobody is waiting for a price, so a slow line is no reason to redial."""
    open_timeout: float = 10.0
    """TCP, TLS and upgrade together."""
    close_timeout: float = 1.0
    """How long to wait for the other side's goodbye, so that it has freed the socket before the next dial."""
    first_delay: float = 0.5
    """Wait before the first redial: a healthy line that dropped once is back within a second."""
    longest_delay: float = 30.0
    """Wait before a redial at the most."""
    healthy_after: float = 30.0
    """A socket that lived so long was healthy: only then does the backoff start anew, else a flapping line storms."""
    down_after: int = 3
    """Failures in a row after which the feed is DOWN and no more CONNECTING."""
    refused_delay: float = 60.0
    """Wait after a 429: other processes hold the sockets, and asking does not free them."""
