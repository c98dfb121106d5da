"""The stream's bounds and times. Tests shorten them; Yahoo publishes no limit, so each default has our reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """All durations in seconds."""

    capacity: int = 500
    """Symbols of the one socket. Nobody has published a limit; the NIFTY 500 is the widest list of ours, and its
    messages take 1 percent of a core."""
    chunk: int = 100
    """Symbols of one message: 1.5 KB."""
    resubscribe_interval: float = 15.0
    """The whole list is sent again so often, as yfinance does: Yahoo forgets subscriptions now and then."""
    flush_interval: float = 0.1
    """Shortest time between two deliveries: Yahoo itself sends a symbol about once a second."""
    silence: float = 60.0
    """With something subscribed that may trade, a socket without a message for so long is dead. Yahoo has no
    heartbeats, and a quiet share may well be silent for half a minute."""
    longest_silence: float = 1800.0
    """A socket that replaced a silent one and is silent itself proves that there is nothing to say, as after the close
    of an exchange abroad, whose hours nobody here knows: each time it may be silent twice as long, up to this."""
    ping_interval: float = 20.0
    """A line that answers no ping is dead, also while no exchange trades."""
    ping_timeout: float = 20.0
    open_timeout: float = 10.0
    """TCP, TLS and upgrade together."""
    close_timeout: float = 1.0
    """How long to wait for the other side's goodbye."""
    first_delay: float = 0.5
    """Wait before the first redial."""
    longest_delay: float = 60.0
    """Wait before a redial at the most: it is the second source, and nobody is helped by a storm."""
    healthy_after: float = 30.0
    """A socket that lived so long was healthy: only then does the backoff start anew, else a flapping line storms."""
    down_after: int = 3
    """Failures in a row after which the feed is DOWN and no more CONNECTING."""
    refused_delay: float = 120.0
    """Wait after a 429: Yahoo has had enough of this address."""
