"""An exchange's phase as it changes, for the subscription `marketPhase`.

Comes in: the calendar and the time. Goes out: the present phase, then each that follows. No task and no timer of its
own: each listener sleeps for itself.
"""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Protocol

import anyio

from app.domain.instruments import Exchange
from app.domain.phases import MarketPhase
from app.ports import Clock

LOOK_SECONDS = 30.0
"""The longest sleep: a machine that was suspended, or whose clock was set, is noticed within this time."""
SHORTEST_SLEEP = 0.01
"""Seconds; a sleep that ended a moment early must not become a busy loop."""


class ExchangePhases(Protocol):
    """Phases of exchanges, as `app.services.phases.PhaseService` has them."""

    def exchange_phase(self, exchange: Exchange, at: datetime) -> MarketPhase:
        """The phase of an exchange's ordinary hours."""
        ...


async def phase_changes(
    phases: ExchangePhases, clock: Clock, exchange: Exchange, *, look_seconds: float = LOOK_SECONDS
) -> AsyncGenerator[MarketPhase, None]:
    """The present phase at once, then the present phase after each transition, without end.

    Transitions that a slow listener missed are merged: it sees the newest. So are those over which the clock jumped.
    """
    told: MarketPhase | None = None
    while True:
        now = clock.now()
        present = phases.exchange_phase(exchange, now)
        if present != told:
            told = present
            yield present
            continue
        ahead = present.next_transition
        left = look_seconds if ahead is None else (ahead - now).total_seconds()
        await anyio.sleep(max(SHORTEST_SLEEP, min(left, look_seconds)))
