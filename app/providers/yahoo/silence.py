"""When silence means that a socket is dead. Yahoo has no heartbeats, so it is a matter of time, and of what is wanted.

Comes in: what the stream's watch sees, look by look. Goes out: whether to dial again. Pure.
"""

from app.providers.yahoo.stream_settings import StreamSettings

CHECKS = 10
"""How often within the allowed silence the watch looks: a dead socket is found at most a tenth late."""
DOUBLINGS = 16
"""Beyond this the longest silence is reached with any sensible first one; it keeps the power small."""


class SilenceWatch:
    """Judges one socket after the other. One that replaced a silent one and is silent too may be so twice as long."""

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._silent_lives = 0
        self._frames_at_start = self._frames = 0
        self._heard = self._looked = 0.0

    @property
    def allowed(self) -> float:
        """Seconds that the present socket may say nothing."""
        settings, factor = self._settings, 1 << min(self._silent_lives, DOUBLINGS)
        return min(settings.longest_silence, settings.silence * factor)

    @property
    def pause(self) -> float:
        """Seconds between two looks."""
        return self.allowed / CHECKS

    def begin(self, now: float, frames: int) -> None:
        """A socket opened; `frames` have arrived on all before it."""
        self._heard = self._looked = now
        self._frames_at_start = self._frames = frames

    def is_dead(self, now: float, frames: int, *, may_trade: bool) -> bool:
        """Whether it has been silent for too long, though something of what is wanted may trade."""
        # An event loop that was held up itself proves nothing about the socket.
        was_held_up = now - self._looked > 3 * self.pause
        self._looked = now
        if not may_trade or frames != self._frames or was_held_up:
            self._heard, self._frames = now, frames
        return now - self._heard >= self.allowed

    def end(self, frames: int, *, stalled: bool) -> None:
        """The socket's life is over."""
        was_silent = stalled and frames == self._frames_at_start
        self._silent_lives = self._silent_lives + 1 if was_silent else 0
