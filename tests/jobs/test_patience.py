"""Waiting for a source: its budget, a login, a hiccup; and giving up where waiting is no remedy."""

from collections.abc import AsyncIterator

import anyio
import pytest

from app.domain.changes import ChangeSignal
from app.domain.errors import (
    InvalidRange,
    LoginRequired,
    MarketDataError,
    RateLimited,
    SourceTimeout,
    SourceUnavailable,
)
from app.domain.feeds import KiteSession
from app.services.jobs.patience import LONGEST_WAIT, PAUSES, SHORTEST_WAIT, Patience
from app.services.jobs.work import Progress

LINK = "http://127.0.0.1:8179/auth/kite/login"
DOWN = SourceUnavailable("Kite does not answer")
NOBODY = LoginRequired("nobody is logged in to Kite", login_url=LINK)


class SetLogin:
    """A login that is as the test says."""

    def __init__(self, *, authenticated: bool = False, configured: bool = True) -> None:
        self.session = KiteSession(authenticated=authenticated, login_url=LINK if configured else None)
        self.signal = ChangeSignal()

    def current(self) -> KiteSession:
        """The session."""
        return self.session

    def changes(self) -> AsyncIterator[None]:
        """Word of each change."""
        return self.signal.changes()

    def log_in(self) -> None:
        """Somebody does."""
        self.session = KiteSession(authenticated=True, login_url=LINK)
        self.signal.fire()


class Scene:
    """A step that fails as it is told, and what was waited for."""

    def __init__(self, *failures: MarketDataError, login: SetLogin | None = None, moving: bool = False) -> None:
        self.failures = list(failures)
        self.pauses: list[float] = []
        self.told: list[str] = []
        self.tries = 0
        self._moving = moving
        self.progress = Progress(lambda progress: self.told.append(progress.message), message="NSE:INFY (1 of 2)")
        self.patience = Patience(login, sleep=self._sleep)

    async def play(self) -> str:
        """What becomes of it."""
        return await self.patience.insist(self._step, self.progress)

    async def _step(self) -> str:
        self.tries += 1
        if self._moving:
            self.progress.tell(done=self.tries)
        if self.failures:
            raise self.failures.pop(0)
        return "done"

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await anyio.lowlevel.checkpoint()


async def test_a_spent_budget_is_waited_for_as_long_as_it_says() -> None:
    """However often; not shorter than is sensible, nor longer."""
    waits = [RateLimited("spent", retry_after_ms=ms) for ms in (1500, 1, 10**7, *[2000] * 20)]
    scene = Scene(*waits)
    assert await scene.play() == "done"
    assert scene.pauses == [1.5, SHORTEST_WAIT, LONGEST_WAIT, *[2.0] * 20]
    assert scene.told[:2] == ["waiting 1.5 s: spent", "NSE:INFY (1 of 2)"]


async def test_a_hiccup_is_tried_again_some_times() -> None:
    """With longer pauses; then the error stands."""
    passing = Scene(DOWN, SourceTimeout("slow"))
    assert await passing.play() == "done"
    assert passing.pauses == list(PAUSES[:2])
    assert passing.told[0] == f"trying again in {PAUSES[0]:g} s: Kite does not answer"
    lasting = Scene(*[DOWN] * (len(PAUSES) + 1))
    with pytest.raises(SourceUnavailable):
        await lasting.play()
    assert lasting.pauses == list(PAUSES)


async def test_failures_on_the_way_count_from_the_last_piece_that_came() -> None:
    """A night's work does not end because of one bad moment an hour."""
    scene = Scene(*[DOWN] * 20, moving=True)
    assert await scene.play() == "done"
    assert set(scene.pauses) == {PAUSES[0]}


async def test_what_does_not_pass_is_raised_at_once() -> None:
    """No second try changes it."""
    scene = Scene(InvalidRange("upside down"))
    with pytest.raises(InvalidRange):
        await scene.play()
    assert (scene.tries, scene.pauses) == (1, [])


async def test_a_login_is_waited_for() -> None:
    """Until somebody logs in; the message says where, and other changes of the session do not count."""
    login = SetLogin()
    scene = Scene(NOBODY, login=login)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scene.play)
        for _ in range(10):
            login.signal.fire()
            await anyio.lowlevel.checkpoint()
        assert (scene.tries, scene.told[-1]) == (1, f"waiting for a login, LOGIN_REQUIRED: open {LINK}")
        login.log_in()
    assert (scene.tries, scene.told[-1]) == (2, "NSE:INFY (1 of 2)")


async def test_a_session_that_looks_alive_is_not_asked_without_pause() -> None:
    """Kite refuses it and we have not heard why: a try a second at most."""
    scene = Scene(NOBODY, NOBODY, login=SetLogin(authenticated=True))
    assert await scene.play() == "done"
    assert scene.pauses == [SHORTEST_WAIT] * 2


@pytest.mark.parametrize("login", [None, SetLogin(configured=False)], ids=["command", "no api key"])
async def test_where_nobody_can_log_in_nobody_is_waited_for(login: SetLogin | None) -> None:
    """The error is the answer."""
    with pytest.raises(LoginRequired):
        await Scene(NOBODY, login=login).play()


def test_progress_tells_changes_only_and_never_goes_back() -> None:
    """`done` grows, `total` is at least as much."""
    told: list[tuple[int, int | None]] = []
    progress = Progress(lambda now: told.append((now.done, now.total)))
    progress.tell(done=0, message="")
    progress.tell(done=3)
    progress.tell(total=2)
    progress.tell(done=1)
    progress.tell(done=5)
    assert told == [(3, None), (3, 3), (5, 5)]
