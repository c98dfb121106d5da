"""Circuit breakers: a source that is down costs its callers microseconds, not a timeout.

Comes in: how each call to one capability of a source went. Goes out: whether the next call is worth making. Used by
`fallback`; its state is shown by `providers` and the metrics.
"""

from collections.abc import Callable

from app.domain.errors import LoginRequired, RateLimited, SourceError
from app.domain.feeds import BreakerState, BreakerStatus
from app.ports import Clock

FAILURES = 3
"""Failed calls in a row that open the circuit: one may be chance, three with their timeouts are an outage."""
FIRST_PAUSE = 5.0
"""Seconds before an open circuit lets one call through to see; each that fails doubles the pause."""
LONGEST_PAUSE = 60.0
"""How long an outage that ended may go unnoticed."""


def _unheard() -> None:
    """The hook of those who do not listen."""


class Breaker:
    """The circuit of one capability of one source. Synchronous; for one event loop.

    CLOSED: calls go out. OPEN: none does, until the pause is over. HALF_OPEN: one call is out to see; the others are
    refused until it comes back. A call that was let through must end in `succeeded`, `failed` or `given_up`.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        failures: int = FAILURES,
        first_pause: float = FIRST_PAUSE,
        on_change: Callable[[], None] = _unheard,
    ) -> None:
        self._clock = clock
        self._limit = failures
        self._first_pause = first_pause
        self._on_change = on_change
        self._state = BreakerState.CLOSED
        self._since = clock.now()
        self._failures = 0
        self._pause = first_pause
        self._open_until = 0.0
        self._error: SourceError | None = None
        self._wants_login = False
        self._patience: float | None = None

    @property
    def too_slow_for(self) -> float | None:
        """Seconds within which an answer closes a circuit that only impatience keeps open; None for every other one.

        Whoever has another source left when they were over. The source may well answer those who have none.
        """
        return None if self._state is BreakerState.CLOSED else self._patience

    @property
    def is_hopeless(self) -> bool:
        """Whether a call that began now would end at once, without an answer: the circuit is open, or nobody logged in.

        A look: it lets nothing through.
        """
        if self._wants_login or self._state is BreakerState.HALF_OPEN:
            return True
        return self._state is BreakerState.OPEN and self._clock.monotonic() < self._open_until

    def refusal(self) -> SourceError | None:
        """Why the next call must not go out; None if it may: then it counts as begun."""
        if self._state is BreakerState.CLOSED:
            return None
        if self._state is BreakerState.HALF_OPEN or self._clock.monotonic() < self._open_until:
            return self._error
        self._become(BreakerState.HALF_OPEN)
        return None

    def succeeded(self) -> None:
        """The source answered."""
        self._failures, self._pause, self._error, self._wants_login = 0, self._first_pause, None, False
        self._patience = None
        self._become(BreakerState.CLOSED)

    def failed(self, error: SourceError, *, patience: float | None = None) -> None:
        """The source did not answer; `patience`: not within these seconds, after which its caller went elsewhere.

        That a person must log in is an answer, and a quick one: the source is there, and what failed before is over.
        What our own budget held back counts for nothing: a page that asks for much must not close the source to
        everybody.
        """
        if isinstance(error, LoginRequired):
            self.succeeded()
            self._wants_login = True
            return
        self._wants_login = False
        if isinstance(error, RateLimited) and error.is_our_own:
            self.given_up()
            return
        self._failures += 1
        self._error, self._patience = error, patience
        if self._state is BreakerState.HALF_OPEN:
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
        elif self._failures < self._limit:
            return
        self._open_until = self._clock.monotonic() + self._pause
        self._become(BreakerState.OPEN)

    def given_up(self) -> None:
        """The call ended without a word on the source: its caller left. The next one may try."""
        if self._state is BreakerState.HALF_OPEN:
            self._become(BreakerState.OPEN)

    def status(self, capability: str) -> BreakerStatus:
        """The circuit at this moment."""
        wait = self._open_until - self._clock.monotonic() if self._state is BreakerState.OPEN else 0.0
        return BreakerStatus(
            capability=capability,
            state=self._state,
            since=self._since,
            failures=self._failures,
            retry_in_ms=max(0, round(wait * 1000)),
            problem=None if self._error is None else f"{self._error.code}: {self._error.message}",
        )

    def _become(self, state: BreakerState) -> None:
        if state is not self._state:
            self._state, self._since = state, self._clock.now()
            self._on_change()
