"""KiteSessions: login, restart, rejection, expiry, and that the token is nowhere it should not be."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from app.domain.errors import InvalidInput, NotSupported, SourceUnavailable
from app.domain.feeds import KiteGrant
from app.services.kite_login.sessions import KiteSessions, SessionState
from app.services.kite_login.state import MAX_STATE_LENGTH, check_state, issue_state
from tests.services.fakes import (
    FIRST_TOKEN,
    MONDAY_NOON,
    MemorySessions,
    ScriptedAuth,
    SetClock,
    SimpleAccess,
    a_grant,
)

LINK = "http://127.0.0.1:8179/auth/kite/login"
SECRET = b"0123456789abcdef0123456789abcdef"


class Desk:
    """A session service and its fakes."""

    def __init__(self, grant: KiteGrant | None = None, *, configured: bool = True) -> None:
        self.clock = SetClock()
        self.auth = ScriptedAuth(self.clock)
        self.access = SimpleAccess()
        self.store = MemorySessions(grant)
        self.sessions = KiteSessions(
            self.auth,
            self.access,
            self.store,
            self.clock,
            login_link=LINK,
            secret=SECRET,
            configured=configured,
            check_every=0.02,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Its timer runs for the length of the block."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.sessions.run)
            yield
            tasks.cancel_scope.cancel()

    def begin(self) -> tuple[str, str]:
        """State and cookie of a login that was begun."""
        start = self.sessions.begin_login()
        return parse_qs(urlsplit(start.url).query)["state"][0], start.cookie_value


async def soon(condition: Callable[[], object]) -> None:
    """Wait until it holds; fail after a second."""
    with anyio.fail_after(1):
        while not condition():  # noqa: ASYNC110 - a store has no event to wait for
            await anyio.sleep(0.002)


async def test_nobody_is_logged_in_at_first() -> None:
    """The way to log in is told from the start."""
    desk = Desk()
    await desk.sessions.restore()
    session = desk.sessions.current()
    assert (session.authenticated, session.user_id, session.login_url) == (False, None, LINK)
    assert desk.sessions.state is SessionState.NONE


async def test_a_login_makes_a_session() -> None:
    """The token goes to the access and the store; everyone else learns who and until when."""
    desk = Desk()
    state, cookie = desk.begin()
    session = await desk.sessions.finish_login(state, cookie, "abc123")
    assert desk.auth.exchanged == ["abc123"]
    assert desk.access.token == "secret-token-1"
    assert desk.store.grant == a_grant(desk.clock, "secret-token-1")
    assert (session.authenticated, session.user_id, session.expires_at) == (True, "AB1234", desk.store.grant.expires_at)
    assert desk.sessions.state is SessionState.ACTIVE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("forge", "was not begun here"),
        ("empty", "was not begun here"),
        ("long", "was not begun here"),
        ("unicode", "was not begun here"),
        ("late", "longer than 10 minutes"),
        ("cookie", "another browser"),
        ("no cookie", "another browser"),
        ("again", "used already"),
    ],
)
async def test_a_state_that_is_not_good_has_its_own_message(change: str, message: str) -> None:
    """Forged, expired, of another browser or used: nothing is exchanged."""
    desk = Desk()
    state, cookie = desk.begin()
    given_cookie: str | None = {"cookie": desk.begin()[1], "no cookie": None}.get(change, cookie)
    if change == "again":
        await desk.sessions.finish_login(state, cookie, "abc123")
    desk.clock.advance(601 if change == "late" else 1)
    state = {
        "forge": ("A" if state[0] != "A" else "B") + state[1:],
        "empty": "",
        "long": "x" * MAX_STATE_LENGTH * 1000,
        "unicode": "ä.1.b.c",
    }.get(change, state)
    before = list(desk.auth.exchanged)
    with pytest.raises(InvalidInput, match=message):
        await desk.sessions.finish_login(state, given_cookie, "def456")
    assert desk.auth.exchanged == before


@given(st.text(max_size=300), st.text(max_size=40) | st.none())
def test_a_state_that_was_not_signed_here_is_refused(state: str, cookie: str | None) -> None:
    """Whatever comes in, it is InvalidInput and nothing else."""
    with pytest.raises(InvalidInput):
        check_state(SECRET, state, cookie, MONDAY_NOON)


@given(st.integers(0, 101), st.characters(codec="ascii"))
def test_a_state_with_one_letter_changed_is_refused(position: int, letter: str) -> None:
    """Every part of it is signed."""
    state = issue_state(SECRET, "cookie", MONDAY_NOON)
    changed = state[:position] + letter + state[position + 1 :]
    if changed != state:
        with pytest.raises(InvalidInput, match="not begun here"):
            check_state(SECRET, changed, "cookie", MONDAY_NOON)


async def test_a_state_signed_with_another_secret_is_forged() -> None:
    """The secret is what makes it ours."""
    state = issue_state(b"another secret", "cookie", MONDAY_NOON)
    with pytest.raises(InvalidInput, match="not begun here"):
        check_state(SECRET, state, "cookie", MONDAY_NOON)


@pytest.mark.parametrize("request_token", ["", "a b", "a" * 129, "a\n", "ä"])
async def test_what_is_no_request_token_is_not_sent(request_token: str) -> None:
    """It is refused here, with the remedy."""
    desk = Desk()
    with pytest.raises(InvalidInput, match="no request_token of Kite"):
        await desk.sessions.complete(request_token)
    assert desk.auth.exchanged == []


async def test_a_refused_login_leaves_the_session_as_it_was() -> None:
    """Kite's refusal of a second login does not end the first."""
    desk = Desk()
    await desk.sessions.complete("abc123")
    desk.auth.failure = InvalidInput("Kite refused the request_token")
    with pytest.raises(InvalidInput, match="Kite refused"):
        await desk.sessions.complete("def456")
    assert desk.access.token == "secret-token-1"
    assert desk.sessions.current().authenticated


async def test_a_login_that_cannot_be_saved_counts_all_the_same() -> None:
    """Kite has granted it: a full disk costs the next restart a login, and nobody's prices."""
    desk = Desk()
    desk.store.failures = 1
    with capture_logs() as logs:
        session = await desk.sessions.complete("abc123")
    assert session.authenticated
    assert desk.access.token == "secret-token-1"
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["kite_session_not_saved"]


async def test_an_end_that_cannot_be_written_is_an_end() -> None:
    """The token is out of use at once; the timer writes it down when the database is back."""
    desk = Desk(a_grant(SetClock()))
    await desk.sessions.restore()
    desk.store.failures = 1
    with capture_logs():
        session = await desk.sessions.end()
        assert (session.authenticated, desk.access.token) == (False, None)
        async with desk.running():
            await soon(lambda: desk.store.ended == ["ended on purpose"])


async def test_two_logins_at_once_take_their_turn() -> None:
    """One exchange at a time; the last one's token is in use and saved."""
    desk = Desk()
    desk.auth.latency = 0.01
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(desk.sessions.complete, "abc123")
        tasks.start_soon(desk.sessions.complete, "def456")
    assert desk.access.tokens == ["secret-token-1", "secret-token-2"]
    assert desk.store.grant is not None
    assert desk.store.grant.access_token == desk.access.token


async def test_the_next_login_replaces_the_token() -> None:
    """Without anything ending in between."""
    desk = Desk()
    await desk.sessions.complete("abc123")
    await desk.sessions.complete("def456")
    assert desk.access.tokens == ["secret-token-1", "secret-token-2"]
    assert desk.store.ended == []


async def test_a_session_survives_a_restart() -> None:
    """The saved token is taken up if Kite accepts it."""
    desk = Desk(a_grant(SetClock()))
    await desk.sessions.restore()
    assert desk.access.token == FIRST_TOKEN
    assert desk.sessions.current().authenticated


async def test_a_session_that_kite_refuses_is_not_taken_up() -> None:
    """It ends, with its reason, and its owner's name remains for the page."""
    desk = Desk(a_grant(SetClock()))
    desk.auth.alive = False
    await desk.sessions.restore()
    assert (desk.access.token, desk.store.grant) == (None, None)
    assert desk.sessions.state is SessionState.EXPIRED
    assert "no longer accepts" in desk.store.ended[0]
    assert (desk.sessions.current().authenticated, desk.sessions.current().user_id) == (False, "AB1234")


async def test_a_session_past_its_day_is_not_taken_up() -> None:
    """Kite is not even asked."""
    desk = Desk(a_grant(SetClock(), hours=-1))
    desk.auth.verify_failure = SourceUnavailable("must not be asked")
    await desk.sessions.restore()
    assert desk.sessions.state is SessionState.EXPIRED
    assert len(desk.store.ended) == 1


async def test_a_session_is_kept_while_kite_cannot_be_asked() -> None:
    """And the log says so."""
    desk = Desk(a_grant(SetClock()))
    desk.auth.verify_failure = SourceUnavailable("HTTP 503")
    with capture_logs() as logs:
        await desk.sessions.restore()
    assert desk.access.token == FIRST_TOKEN
    assert any(entry["event"] == "kite_session_not_verified" for entry in logs)


async def test_a_rejected_token_ends_the_session_at_once() -> None:
    """State, token and listeners at once; the store soon after."""
    desk = Desk()
    await desk.sessions.complete("abc123")
    listeners = [desk.sessions.changes(), desk.sessions.changes()]
    for listener in listeners:
        await anext(listener)
    async with desk.running():
        desk.access.reject("secret-token-1")
        assert desk.sessions.state is SessionState.EXPIRED
        assert not desk.sessions.current().authenticated
        assert desk.access.token is None
        with anyio.fail_after(1):
            for listener in listeners:
                await anext(listener)
        await soon(lambda: desk.store.ended)
    assert "Kite refused the session" in desk.store.ended[0]
    assert desk.store.grant is None


async def test_an_old_tokens_rejection_is_ignored() -> None:
    """A call that went out before the new login does not end the new session."""
    desk = Desk()
    await desk.sessions.complete("abc123")
    await desk.sessions.complete("def456")
    desk.access.reject("secret-token-1")
    assert desk.sessions.current().authenticated


async def test_a_login_right_after_a_rejection_is_not_ended_by_it() -> None:
    """What was still to be written of the old session never ends the new one."""
    desk = Desk()
    await desk.sessions.complete("abc123")
    desk.access.reject("secret-token-1")
    await desk.sessions.complete("def456")
    async with desk.running():
        await anyio.sleep(0.05)
    assert desk.store.ended == []
    assert desk.store.grant is not None
    assert desk.access.token == "secret-token-2"


async def test_the_session_expires_at_six_even_if_nobody_asks() -> None:
    """The timer tells the listeners, and the store keeps why."""
    desk = Desk()
    await desk.sessions.complete("abc123")
    changes = desk.sessions.changes()
    await anext(changes)
    async with desk.running():
        await anyio.sleep(0.03)
        assert desk.sessions.current().authenticated
        desk.clock.advance(18 * 3600)
        with anyio.fail_after(1):
            await anext(changes)
        await soon(lambda: desk.store.ended)
    assert desk.sessions.state is SessionState.EXPIRED
    assert "06:00 IST" in desk.store.ended[0]
    assert desk.access.token is None


async def test_an_end_that_could_not_be_written_is_written_later() -> None:
    """A database that is down for a while ends neither the timer nor the word."""
    desk = Desk()
    await desk.sessions.complete("abc123")
    desk.store.failures = 2
    with capture_logs() as logs:
        async with desk.running():
            desk.access.reject("secret-token-1")
            await soon(lambda: desk.store.ended)
    assert [entry["event"] for entry in logs].count("kite_session_end_not_written") == 2


async def test_ending_forgets_and_invalidates() -> None:
    """The token leaves every place; a second end is no error."""
    desk = Desk()
    await desk.sessions.complete("abc123")
    session = await desk.sessions.end()
    await desk.sessions.end()
    assert (session.authenticated, session.user_id, session.login_url) == (False, None, LINK)
    assert desk.auth.invalidated == ["secret-token-1"]
    assert (desk.access.token, desk.store.grant) == (None, None)
    assert desk.sessions.state is SessionState.NONE


async def test_a_session_ends_here_even_if_kite_is_down() -> None:
    """The failure to invalidate is a line in the log."""
    desk = Desk()
    await desk.sessions.complete("abc123")
    desk.auth.failure = SourceUnavailable("HTTP 503")
    with capture_logs() as logs:
        assert not (await desk.sessions.end()).authenticated
    assert desk.store.grant is None
    assert "kite_session_not_invalidated" in [entry["event"] for entry in logs]


async def test_without_an_api_key_nobody_can_log_in() -> None:
    """The message names the settings; no login address is offered."""
    desk = Desk(a_grant(SetClock()), configured=False)
    await desk.sessions.restore()
    assert desk.sessions.current().login_url is None
    with pytest.raises(NotSupported, match="set KITE_API_KEY"):
        desk.sessions.begin_login()
    with pytest.raises(NotSupported, match="set KITE_API_KEY"):
        await desk.sessions.complete("abc123")
    assert desk.access.tokens == []


async def test_no_token_is_shown_or_logged() -> None:
    """Neither session, log nor repr hold it, through a whole life."""
    desk = Desk(a_grant(SetClock()))
    with capture_logs() as logs:
        await desk.sessions.restore()
        start = desk.sessions.begin_login()
        await desk.sessions.complete("abc123")
        desk.access.reject("secret-token-1")
        await desk.sessions.complete("def456")
        await desk.sessions.end()
    shown = f"{logs} {desk.sessions.current()} {start!r}"
    assert "secret-token" not in shown
    assert start.cookie_value not in shown
