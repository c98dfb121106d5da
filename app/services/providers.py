"""The board of sources: their streams, sessions and budgets in one place, live.

Comes in: the live feed, the Kite session, the request budgets. Goes out: ProviderStatus now, and whenever it changes.
Called by the `providers` query and subscription; the runtime owns `run()`.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

import anyio

from app.domain.changes import ChangeSignal
from app.domain.feeds import BreakerStatus, FeedState, FeedStatus, KiteSession, ProviderStatus
from app.domain.provenance import DataSource
from app.domain.rates import RateMeter
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


class StreamView(Changes, Protocol):
    """A stream beside Kite's as the board sees it."""

    @property
    def status(self) -> FeedStatus:
        """Its own state."""
        ...

    @property
    def packets(self) -> int:
        """Packets received since the start."""
        ...

    @property
    def subscribed_instruments(self) -> int:
        """Instruments that it was asked to carry."""
        ...

    @property
    def capacity(self) -> int:
        """Instruments that it can carry."""
        ...

    @property
    def last_tick_at(self) -> datetime | None:
        """When its newest price was received."""
        ...


Breakers = Callable[[DataSource], tuple[BreakerStatus, ...]]


def no_breakers(_: DataSource) -> tuple[BreakerStatus, ...]:
    """A source without circuits."""
    return ()


class RatedStream:
    """One stream of several, with the rate of its own ticks: a FeedView."""

    def __init__(self, stream: StreamView, clock: Clock) -> None:
        self.changes = stream.changes
        self.capacity = stream.capacity
        self._stream = stream
        self._clock = clock
        self._rate = RateMeter()

    @property
    def status(self) -> FeedStatus:
        """Its own state."""
        return self._stream.status

    @property
    def subscribed_instruments(self) -> int:
        """Instruments that it was asked to carry."""
        return self._stream.subscribed_instruments

    @property
    def ticks_per_second(self) -> float:
        """Ticks received, mean of the last 5 seconds."""
        return self._rate.per_second(self._clock.monotonic(), self._stream.packets)

    @property
    def last_tick_at(self) -> datetime | None:
        """When its newest price was received."""
        return self._stream.last_tick_at

    async def run(self) -> None:
        """Measure the rate until cancelled."""
        while True:
            self._rate.sample(self._clock.monotonic(), self._stream.packets)
            await anyio.sleep(FIGURES_SECONDS)


class SecondSource:
    """A source that needs no login: its stream, its budgets, its circuits."""

    def __init__(self, name: DataSource, source: DataSource, stream: RatedStream, budgets: RequestBudgets) -> None:
        self.name = name
        self.stream = stream
        self._source = source
        self._budgets = budgets

    def status(self, breakers: tuple[BreakerStatus, ...]) -> ProviderStatus:
        """Its state at this moment."""
        stream, status = self.stream, self.stream.status
        return ProviderStatus(
            name=self.name,
            source=self._source,
            state=status.state,
            since=status.since,
            message=status.message,
            login_url=None,
            session_expires_at=None,
            subscribed_instruments=stream.subscribed_instruments,
            instrument_capacity=stream.capacity,
            ticks_per_second=stream.ticks_per_second,
            last_tick_at=stream.last_tick_at,
            request_budgets=self._budgets.status(),
            breakers=breakers,
        )


class ProviderBoard:
    """The state of every source, joined from those who know it.

    A dead session counts before whatever the stream says: an open socket outlives its token. Changes of state reach
    every listener at once while `run()` runs; changes that a slow listener missed are merged.
    """

    def __init__(  # noqa: PLR0913 - Kite's parts, and what is beside it by keyword
        self,
        source: DataSource,
        feed: FeedView,
        sessions: SessionView,
        budgets: RequestBudgets,
        clock: Clock,
        *,
        second: SecondSource | None = None,
        breakers: Breakers = no_breakers,
        circuits: Changes | None = None,
        rated: Sequence[RatedStream] = (),
    ) -> None:
        """The feed, the session and the budgets are Kite's.

        `breakers`: the circuits of a source, by its name; `circuits`: when one of them opens or closes. `rated`: the
        streams whose rate is measured here.
        """
        self._source = source
        self._second = second
        self._breakers = breakers
        self._circuits = circuits
        self._rated = rated
        self._feed = feed
        self._sessions = sessions
        self._budgets = budgets
        self._started_at = clock.now()
        self._changed = ChangeSignal()

    def providers(self) -> tuple[ProviderStatus, ...]:
        """The state of every source at this moment."""
        second = self._second
        return (self._kite(),) if second is None else (self._kite(), second.status(self._breakers(second.name)))

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
            if self._circuits is not None:
                tasks.start_soon(self._pass_on, self._circuits)
            if self._second is not None:
                tasks.start_soon(self._pass_on, self._second.stream)
            for stream in self._rated:
                tasks.start_soon(stream.run)

    async def _pass_on(self, origin: Changes) -> None:
        async for _ in origin.changes():
            self._changed.fire()

    def _kite(self) -> ProviderStatus:
        status = self._status()
        session = self._sessions.current()
        return ProviderStatus(
            name=DataSource.KITE,
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
            breakers=self._breakers(DataSource.KITE),
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
            breakers=tuple(replace(each, failures=0, retry_in_ms=0, problem=None) for each in status.breakers),
        )
        for status in statuses
    )
