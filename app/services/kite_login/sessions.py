"""The Kite session: who is logged in, from the login's first click to its end at six in the morning.

Comes in: logins, and word of tokens that Kite refused. Goes out: the token, to KiteAccess alone; what may be known
of the session, to everyone. Called by the login pages and GraphQL; the runtime calls `restore()` and owns `run()`.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

import anyio
import structlog

from app.domain.changes import ChangeSignal
from app.domain.errors import InvalidInput, MarketDataError, NotSupported, SourceError
from app.domain.feeds import KiteGrant, KiteSession
from app.domain.time import to_ist
from app.ports import Clock, KiteAccess, KiteAuth, SessionStore
from app.services.kite_login.state import check_state, issue_state, new_cookie

CHECK_SECONDS = 30.0
"""How long the timer sleeps at most: a laptop that slept, or a clock that was set, is noticed within this. An end
that could not be written is tried again after it."""
SAVE_SECONDS = 10.0
"""A database that takes longer to save a finished login is down; the session works all the same, until a restart."""
REQUEST_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""Kite's have 32 letters and digits."""
NOBODY = "nobody is logged in to Kite; open loginUrl"

log = structlog.get_logger()


class SessionState(StrEnum):
    """Where the session stands."""

    NONE = "NONE"
    """Nobody has logged in since the last session was ended on purpose."""
    ACTIVE = "ACTIVE"
    """There is a token that Kite has not refused."""
    EXPIRED = "EXPIRED"
    """Kite refused the token, or its day is over."""


@dataclass(frozen=True, slots=True)
class LoginStart:
    """Where to send a browser, and what it must bring back."""

    url: str
    """The broker's login page."""
    cookie_value: str = field(repr=False)
    """For a cookie of this browser, for ten minutes."""


class KiteSessions:
    """One Kite session at a time; the next login replaces it without a restart.

    Logins are finished one after another. What changes is told to every listener of `changes()`. The token leaves
    through `KiteAccess.replace` and the store alone. For the event loop alone; cancel-safe: a login that Kite has
    granted is kept even if its caller leaves.
    """

    def __init__(  # noqa: PLR0913 - four ports and their settings, by keyword
        self,
        auth: KiteAuth,
        access: KiteAccess,
        store: SessionStore,
        clock: Clock,
        *,
        login_link: str,
        secret: bytes,
        configured: bool = True,
        check_every: float = CHECK_SECONDS,
    ) -> None:
        """`login_link`: the address of our own login page. `configured`: whether there is an api key."""
        self.configured = configured
        self.state = SessionState.NONE
        self.since = clock.now()
        """When `state` began."""
        self.reason: str | None = NOBODY
        """Why nobody is logged in, for a person; None while somebody is."""
        self._auth = auth
        self._access = access
        self._store = store
        self._clock = clock
        self._secret = secret
        self._check_every = check_every
        self._grant: KiteGrant | None = None
        self._shown = KiteSession(authenticated=False, login_url=login_link if configured else None)
        self._end_to_write: str | None = None
        self._one_at_a_time = anyio.Lock()
        self._changed = ChangeSignal()
        access.on_rejected(self._on_rejected)

    @property
    def login_url(self) -> str | None:
        """Our own page that leads to Kite's login; None if there is no api key to log in with."""
        return self._shown.login_url

    def current(self) -> KiteSession:
        """What may be known of the session. After its end: whose it was, and not authenticated."""
        return self._shown

    def changes(self) -> AsyncIterator[None]:
        """One item at once, then one after each change."""
        return self._changed.changes()

    async def restore(self) -> None:
        """Take up the saved session, if Kite still accepts it or cannot be asked."""
        grant = await self._store.load() if self.configured else None
        if grant is None:
            return
        async with self._one_at_a_time:
            if self._clock.now() >= grant.expires_at:
                await self._do_not_restore(grant, _over(grant))
            elif not await self._is_accepted(grant):
                await self._do_not_restore(grant, "Kite no longer accepts the saved session; log in again")
            else:
                self._adopt(grant)

    def begin_login(self) -> LoginStart:
        """The way to Kite's login page for one browser. Raises NotSupported without an api key."""
        self._require_configuration()
        cookie = new_cookie()
        state = issue_state(self._secret, cookie, self._clock.now())
        return LoginStart(self._auth.login_page(state), cookie)

    async def finish_login(self, state: str, cookie: str | None, request_token: str) -> KiteSession:
        """Complete a login that came back through the browser.

        Raises InvalidInput if the state is forged, expired, another browser's or used, and whatever `complete` does.
        """
        self._require_configuration()
        login = check_state(self._secret, state, cookie, self._clock.now())
        if not await self._store.use_login_state(login.nonce, login.expires_at):
            msg = "this login was used already; begin again"
            raise InvalidInput(msg)
        return await self.complete(request_token)

    async def complete(self, request_token: str) -> KiteSession:
        """Turn a request_token into the session. Raises InvalidInput if it is no good, SourceError if Kite is down."""
        self._require_configuration()
        _check_request_token(request_token)
        async with self._one_at_a_time:
            grant = await self._auth.exchange(request_token)
            self._end_to_write = None
            self._adopt(grant)
            await self._save(grant)
        return self._shown

    async def end(self) -> KiteSession:
        """Forget the session here and end it at Kite, which is tried and not required. Without one, nothing happens."""
        async with self._one_at_a_time:
            grant, self._grant = self._grant, None
            self._end_to_write = "ended on purpose"
            self._shown = KiteSession(authenticated=False, login_url=self.login_url)
            self._enter(SessionState.NONE, NOBODY)
            if grant is not None:
                await self._invalidate(grant)
            await self._try_to_write_end()
        return self._shown

    async def run(self) -> None:
        """End the session when its day is over, and write to the store what ended it, until cancelled."""
        changes = self._changed.changes()
        while True:
            if self._grant is not None and self._clock.now() >= self._grant.expires_at:
                self._expire(_over(self._grant))
            async with self._one_at_a_time:
                await self._try_to_write_end()
            with anyio.move_on_after(self._seconds_to_check()):
                await anext(changes)

    def _require_configuration(self) -> None:
        if not self.configured:
            msg = "Kite is not configured: set KITE_API_KEY and KITE_API_SECRET and start again"
            raise NotSupported(msg)

    def _on_rejected(self, token: str) -> None:
        if self._grant is not None and self._grant.access_token == token:
            self._expire("Kite refused the session: it was ended elsewhere; log in again")

    def _expire(self, reason: str) -> None:
        self._grant = None
        self._end_to_write = reason
        self._shown = replace(self._shown, authenticated=False)
        log.warning("kite_session_expired", reason=reason)
        self._enter(SessionState.EXPIRED, reason)

    def _adopt(self, grant: KiteGrant) -> None:
        self._grant = grant
        self._shown = _shown(grant, self.login_url)
        log.info("kite_session_began", user_id=grant.user_id, expires_at=grant.expires_at.isoformat())
        self._enter(SessionState.ACTIVE, None)

    def _enter(self, state: SessionState, reason: str | None) -> None:
        """From now on the token in use is that of the grant; everyone is told."""
        self.state, self.since, self.reason = state, self._clock.now(), reason
        self._access.replace(None if self._grant is None else self._grant.access_token)
        self._changed.fire()

    async def _is_accepted(self, grant: KiteGrant) -> bool:
        """Kite's word; yes if it cannot be asked, because the first call will tell."""
        try:
            return await self._auth.verify(grant.access_token)
        except SourceError as error:
            log.warning("kite_session_not_verified", user_id=grant.user_id, code=error.code, kept=True)
            return True

    async def _do_not_restore(self, grant: KiteGrant, reason: str) -> None:
        self._shown = _shown(grant, self.login_url)
        self._expire(reason)
        await self._try_to_write_end()

    async def _invalidate(self, grant: KiteGrant) -> None:
        try:
            await self._auth.invalidate(grant.access_token)
        except MarketDataError as error:
            log.warning("kite_session_not_invalidated", user_id=grant.user_id, code=error.code)

    async def _save(self, grant: KiteGrant) -> None:
        """A database that is down or slow costs the next restart a login, and this one nothing."""
        remedy = "the session is lost at the next restart; see the database"
        try:
            with anyio.fail_after(SAVE_SECONDS, shield=True):
                await self._store.save(grant)
        except Exception:
            log.exception("kite_session_not_saved", remedy=remedy)

    async def _try_to_write_end(self) -> None:
        """A database that is down must end neither the timer nor the start; `run` tries again."""
        if self._end_to_write is None:
            return
        try:
            await self._store.end(self._end_to_write)
        except Exception:
            log.exception("kite_session_end_not_written")
        else:
            self._end_to_write = None

    def _seconds_to_check(self) -> float:
        if self._grant is None:
            return self._check_every
        left = (self._grant.expires_at - self._clock.now()).total_seconds()
        return max(0.0, min(left, self._check_every))


def _shown(grant: KiteGrant, login_url: str | None) -> KiteSession:
    """All of a grant but the token."""
    return KiteSession(
        authenticated=True,
        user_id=grant.user_id,
        user_name=grant.user_name,
        login_time=grant.login_time,
        expires_at=grant.expires_at,
        login_url=login_url,
    )


def _over(grant: KiteGrant) -> str:
    return f"the session ended at {to_ist(grant.expires_at):%H:%M} IST, as Kite's do every morning; log in again"


def _check_request_token(request_token: str) -> None:
    if not REQUEST_TOKEN.fullmatch(request_token):
        msg = "that is no request_token of Kite; copy it from the address that Kite's login led to, or log in again"
        raise InvalidInput(msg)
