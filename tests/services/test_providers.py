"""ProviderBoard: whose word counts, and what is told when."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from app.domain.feeds import FeedState, ProviderStatus
from app.domain.provenance import DataSource
from app.services.kite_login.sessions import KiteSessions
from app.services.providers import ProviderBoard
from tests.services.fakes import FixedBudgets, MemorySessions, ScriptedAuth, SetClock, SetFeed, SimpleAccess

LINK = "http://127.0.0.1:8179/auth/kite/login"


class Board:
    """A board over a real session service and a fake feed."""

    def __init__(self, *, configured: bool = True) -> None:
        self.clock = SetClock()
        self.feed = SetFeed()
        self.access = SimpleAccess()
        self.budgets = FixedBudgets()
        self.sessions = KiteSessions(
            ScriptedAuth(self.clock),
            self.access,
            MemorySessions(),
            self.clock,
            login_link=LINK,
            secret=b"secret",
            configured=configured,
        )
        self.board = ProviderBoard(DataSource.SANDBOX, self.feed, self.sessions, self.budgets, self.clock)

    @property
    def kite(self) -> ProviderStatus:
        """The one source's status."""
        (status,) = self.board.providers()
        return status

    @asynccontextmanager
    async def listening(self, throttle: float = 5.0) -> AsyncIterator[AsyncIterator[tuple[ProviderStatus, ...]]]:
        """Its updates, while it runs."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.board.run)
            updates = self.board.updates(throttle)
            with anyio.fail_after(2):
                yield updates
            tasks.cancel_scope.cancel()


async def test_nobody_logged_in_is_login_required() -> None:
    """Whatever the stream says, with the way to log in."""
    status = Board().kite
    assert (status.state, status.login_url) == (FeedState.LOGIN_REQUIRED, LINK)
    assert status.session_expires_at is None
    assert "nobody is logged in" in str(status.message)


async def test_logged_in_the_stream_has_the_word() -> None:
    """State of the stream, figures, session and budgets in one place; labelled SANDBOX."""
    at = Board()
    session = await at.sessions.complete("abc123")
    status = at.kite
    assert (status.source, status.state, status.login_url) == (DataSource.SANDBOX, FeedState.LIVE, None)
    assert status.session_expires_at == session.expires_at
    assert (status.subscribed_instruments, status.instrument_capacity, status.ticks_per_second) == (10, 3000, 12.5)
    assert [budget.endpoint for budget in status.request_budgets] == ["quote"]


async def test_a_dead_token_counts_before_an_open_socket() -> None:
    """A stream may look healthy with a dead session."""
    at = Board()
    await at.sessions.complete("abc123")
    at.access.reject("secret-token-1")
    status = at.kite
    assert (status.state, status.login_url, status.session_expires_at) == (FeedState.LOGIN_REQUIRED, LINK, None)
    assert "Kite refused" in str(status.message)


async def test_a_stream_that_was_refused_shows_the_way_to_log_in() -> None:
    """The socket may learn of the token's death first."""
    at = Board()
    await at.sessions.complete("abc123")
    at.feed.become(FeedState.LOGIN_REQUIRED)
    assert at.kite.login_url == LINK


async def test_without_an_api_key_the_source_is_disabled() -> None:
    """The message names the settings."""
    status = Board(configured=False).kite
    assert (status.state, status.login_url) == (FeedState.DISABLED, None)
    assert "KITE_API_KEY" in str(status.message)


async def test_changes_of_state_are_told_at_once() -> None:
    """The present state first; then login, feed and rejection without waiting for the throttle."""
    at = Board()
    async with at.listening() as updates:
        states = [(await anext(updates))[0].state]
        await at.sessions.complete("abc123")
        states.append((await anext(updates))[0].state)
        at.feed.become(FeedState.STALLED)
        states.append((await anext(updates))[0].state)
        at.access.reject("secret-token-1")
        states.append((await anext(updates))[0].state)
    assert states == [FeedState.LOGIN_REQUIRED, FeedState.LIVE, FeedState.STALLED, FeedState.LOGIN_REQUIRED]


async def test_figures_are_told_at_the_throttles_pace() -> None:
    """A new rate of ticks is no reason to hurry, and an unchanged one none to send."""
    at = Board()
    async with at.listening(throttle=0.1) as updates:
        await anext(updates)
        at.feed.ticks_per_second = 99.0
        began = anyio.current_time()
        (status,) = await anext(updates)
        assert status.ticks_per_second == 99.0
        assert anyio.current_time() - began >= 0.09
        with pytest.raises(TimeoutError), anyio.fail_after(0.25):
            await anext(updates)


async def test_every_listener_is_told() -> None:
    """Two subscribers hear of the same change."""
    at = Board()
    async with at.listening() as first:
        second = at.board.updates(5.0)
        for updates in (first, second):
            await anext(updates)
        await at.sessions.complete("abc123")
        for updates in (first, second):
            assert (await anext(updates))[0].state is FeedState.LIVE
