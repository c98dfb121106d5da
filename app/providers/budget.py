"""The requests that a source allows, by endpoint class.

Comes in: a wish to send one request. Goes out: the right to send it, in the order of asking, or RateLimited
at once. Called by the providers' clients; satisfies `ports.RequestBudgets` within one process.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, inf

import anyio

from app.domain.errors import RateLimited
from app.domain.feeds import RequestBudget
from app.ports import Clock

WINDOW_SECONDS = 1.05
"""Sources count per second; the rest keeps two requests that travel at different speeds apart."""
MAX_WAIT_SECONDS = 60.0
"""No caller is there any more after a minute; this also bounds the queue."""
DRIFT_SECONDS = 0.25
"""How late timers may make a call that was promised its turn, before the promise is taken back."""
FIRST_PAUSE_SECONDS = 1.0
"""After a refusal: the second that sources count by."""
LONGEST_PAUSE_SECONDS = 10.0
"""Refusals that go on mean another process with the same key; ten seconds still find its end soon."""
CALM_SECONDS = 30.0
"""A refusal this long after the last pause is a new one, and starts from the first pause again."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a source allows in one endpoint class."""

    per_second: int
    """Requests in any second."""
    default_wait: float
    """Seconds that a call waits for its turn unless it says otherwise."""


class Lane:
    """One class: the last grants, the pause, and the calls that wait. Synchronous; the caller brings the time.

    Invariant: any `per_second + 1` grants in a row span at least WINDOW_SECONDS, and none falls into a pause.
    """

    def __init__(self, allowance: Allowance) -> None:
        self.allowance = allowance
        self.waiting: deque[asyncio.Event] = deque()
        self._grants: deque[float] = deque(maxlen=allowance.per_second)
        self._pause = 0.0
        self._paused_until = -inf

    def due(self, now: float, *, ahead: int) -> float:
        """When a call with `ahead` calls before it can go out; `now` if it can at once."""
        recent = self._grants.copy()
        at = now
        for _ in range(ahead + 1):
            spent = len(recent) == self.allowance.per_second
            at = max(now, self._paused_until, recent[0] + WINDOW_SECONDS if spent else -inf)
            recent.append(at)
        return at

    def grant(self, now: float) -> bool:
        """Take one request's right, if there is one."""
        if self.due(now, ahead=0) > now:
            return False
        self._grants.append(now)
        return True

    def is_paused(self, now: float) -> bool:
        """Whether the source refused a request a moment ago."""
        return now < self._paused_until

    def available(self, now: float) -> int:
        """Requests that could go out now, were nobody waiting."""
        if self.is_paused(now):
            return 0
        spent = sum(1 for at in self._grants if at + WINDOW_SECONDS > now)
        return self.allowance.per_second - spent

    def refuse(self, now: float) -> None:
        """Hold back: 1 s, twice as long each time it happens again, 10 s at most. A refusal in a pause is the same."""
        if self.is_paused(now):
            return
        calm = now - self._paused_until > CALM_SECONDS
        self._pause = FIRST_PAUSE_SECONDS if calm else min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        self._paused_until = now + self._pause


class SourceBudgets:
    """Budgets by class name; satisfies `ports.RequestBudgets`.

    Fair: first come, first served. Cancel-safe: a cancelled waiter gives its place back. Bounded: nobody waits
    whose turn would come too late. For one event loop, not thread-safe.
    """

    def __init__(self, allowances: Mapping[str, Allowance], clock: Clock) -> None:
        self._lanes = {endpoint: Lane(allowance) for endpoint, allowance in allowances.items()}
        self._clock = clock

    async def acquire(self, endpoint: str, *, within: float | None = None) -> None:
        """Wait for the right to send one request, at most `within` seconds (default: the class's own).

        Raises RateLimited at once if the turn would come later than that, or as soon as a refusal by the
        source makes it so; KeyError for a class that there is not.
        """
        lane = self._lanes[endpoint]
        now = self._clock.monotonic()
        deadline = now + min(lane.allowance.default_wait if within is None else within, MAX_WAIT_SECONDS)
        _check(endpoint, lane, now, ahead=len(lane.waiting), deadline=deadline)
        if not lane.waiting and lane.grant(now):
            return
        turn = asyncio.Event()
        lane.waiting.append(turn)
        try:
            await self._take_turn(endpoint, lane, turn, deadline + DRIFT_SECONDS)
        finally:
            lane.waiting.remove(turn)
            if lane.waiting:
                lane.waiting[0].set()

    async def _take_turn(self, endpoint: str, lane: Lane, turn: asyncio.Event, deadline: float) -> None:
        """Only the first in the queue watches the clock; the others sleep until they are first or a refusal comes."""
        while True:
            now = self._clock.monotonic()
            ahead = lane.waiting.index(turn)
            if ahead == 0 and lane.grant(now):
                return
            due = _check(endpoint, lane, now, ahead=ahead, deadline=deadline)
            turn.clear()
            with anyio.move_on_after(due - now if ahead == 0 else None):
                await turn.wait()

    def refused(self, endpoint: str) -> None:
        """The source said 429 all the same: hold back this class for a while."""
        lane = self._lanes[endpoint]
        lane.refuse(self._clock.monotonic())
        for turn in lane.waiting:
            turn.set()

    def status(self) -> tuple[RequestBudget, ...]:
        """The state of every class."""
        now = self._clock.monotonic()
        return tuple(
            RequestBudget(
                endpoint=endpoint,
                per_second=float(lane.allowance.per_second),
                available_now=float(0 if lane.waiting else lane.available(now)),
                waiting=len(lane.waiting),
            )
            for endpoint, lane in self._lanes.items()
        )


def _check(endpoint: str, lane: Lane, now: float, *, ahead: int, deadline: float) -> float:
    """When the turn comes. Raises RateLimited if that is after the deadline."""
    due = lane.due(now, ahead=ahead)
    if due > deadline:
        wait = ceil(1000 * (due - now))
        msg = (
            f"the source's budget of {lane.allowance.per_second} {endpoint} requests a second is spent for the "
            f"next {wait} ms; ask again then, or ask for less"
        )
        error = RateLimited(msg, retry_after_ms=wait)
        error.is_our_own = not lane.is_paused(now)
        raise error
    return due
