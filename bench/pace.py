"""How long and how often is measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds and rounds. A round has one run of every server."""

    rounds: int = 3
    """Of most workloads; the table says where it was fewer."""
    warm_seconds: float = 0.4
    seconds: float = 1.5
    many_seconds: float = 3.0
    """For thousands of sockets, of which the slowest server serves all in some seconds."""
    stuck_seconds: float = 4.0
    """For memory to grow, if it does."""

    @classmethod
    def quick(cls) -> "Pace":
        """For a first look."""
        return cls(rounds=1, seconds=1.0, many_seconds=2.0)
