"""The board of sources: their streams, sessions and budgets in one place, live.

Comes in: the live feed, the Kite session, the request budgets. Goes out: ProviderStatus now, and whenever it changes.
Called by the `providers` query and subscription; the runtime owns `run()`.
"""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime
from typing import Protocol

import anyio

from app.domain.changes import ChangeSignal
from app.domain.feeds import FeedState, FeedStatus, KiteSession, ProviderStatus
from app.domain.provenance import DataSource
from app.ports import Changes, Clock, RequestBudgets
from app.services.kite_login.sessions import SessionState

FIGURES_SECONDS = 1.0
"""How often figures such as ticksPerSecond are sent at most: more often nobody can read them."""
SHORTEST_THROTTLE = 0.05
"""A throttle of 0 would look at the figures without end."""
UNCONFIGURED = "Kite is not configured: set KITE_API_KEY and KITE_API_SECRET"


class FeedView(Changes, Protocol):
    """The live feed as the board sees it."""

    @property
    def status(self) -> FeedStatus:
        """The state of the stream."""
        ...

    @property
    def subscribed_instruments(self) -> int:
        """Instruments that the stream was asked to carry."""
        ...

    @property
    def capacity(self) -> int:
        """Instruments that it can carry."""
        ...

    @property
    def ticks_per_second(self) -> float:
        """Ticks received, mean of the last 5 seconds."""
        ...

    @property
    def last_tick_at(self) -> datetime | None:
        """When the newest was received."""
        ...


class SessionView(Changes, Protocol):
    """The Kite session as the board sees it."""

    @property
    def configured(self) -> bool:
        """Whether there is an api key."""
        ...

    @property
    def state(self) -> SessionState:
        """Where the session stands."""
        ...

    @property
    def since(self) -> datetime:
        """When `state` began."""
        ...

    @property
    def reason(self) -> str | None:
        """Why nobody is logged in."""
        ...

    def current(self) -> KiteSession:
        """What may be known of the session."""
        ...


class ProviderBoard:
    """The state of every source, joined from those who know it.

    A dead session counts before whatever the stream says: an open socket outlives its token. Changes of state reach
    every listener at once while `run()` runs; changes that a slow listener missed are merged.
    """

    def __init__(
        self, source: DataSource, feed: FeedView, sessions: SessionView, budgets: RequestBudgets, clock: Clock
    ) -> None:
        self._source = source
        self._feed = feed
        self._sessions = sessions
        self._budgets = budgets
        self._started_at = clock.now()
        self._changed = ChangeSignal()

    def providers(self) -> tuple[ProviderStatus, ...]:
        """The state of every source at this moment."""
        return (self._kite(),)

    async def updates(self, throttle: float = FIGURES_SECONDS) -> AsyncGenerator[tuple[ProviderStatus, ...], None]:
        """The present state, then each change: of a state at once, of mere figures once in `throttle` seconds."""
        changes = self._changed.changes()
        sent: tuple[ProviderStatus, ...] = ()
        while True:
            with anyio.move_on_after(max(throttle, SHORTEST_THROTTLE)) as pause:
                while _states(self.providers()) == _states(sent):
                    await anext(changes)
            present = self.providers()
            if not pause.cancelled_caught or present != sent:
                sent = present
                yield present

    async def run(self) -> None:
        """Pass on the changes of feed and session until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._pass_on, self._feed)
            tasks.start_soon(self._pass_on, self._sessions)

    async def _pass_on(self, origin: Changes) -> None:
        async for _ in origin.changes():
            self._changed.fire()

    def _kite(self) -> ProviderStatus:
        status = self._status()
        session = self._sessions.current()
        return ProviderStatus(
            source=self._source,
            state=status.state,
            since=status.since,
            message=status.message,
            login_url=session.login_url if status.state is FeedState.LOGIN_REQUIRED else None,
            session_expires_at=session.expires_at if session.authenticated else None,
            subscribed_instruments=self._feed.subscribed_instruments,
            instrument_capacity=self._feed.capacity,
            ticks_per_second=self._feed.ticks_per_second,
            last_tick_at=self._feed.last_tick_at,
            request_budgets=self._budgets.status(),
        )

    def _status(self) -> FeedStatus:
        sessions = self._sessions
        if not sessions.configured:
            return FeedStatus(FeedState.DISABLED, self._started_at, UNCONFIGURED)
        if sessions.state is not SessionState.ACTIVE:
            return FeedStatus(FeedState.LOGIN_REQUIRED, sessions.since, sessions.reason)
        return self._feed.status


def _states(statuses: tuple[ProviderStatus, ...]) -> tuple[ProviderStatus, ...]:
    """The statuses without their figures."""
    return tuple(
        replace(
            status,
            subscribed_instruments=0,
            ticks_per_second=0.0,
            last_tick_at=None,
            request_budgets=(),
        )
        for status in statuses
    )
