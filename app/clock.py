"""The real time, in the one place that may read it. `app.runtime` makes it; everyone else takes the Clock port."""

import time
from datetime import UTC, datetime


class SystemClock:
    """A Clock that shows the machine's time."""

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        return datetime.now(UTC)  # noqa: TID251 # the only place that reads the machine's clock

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps."""
        return time.monotonic()
