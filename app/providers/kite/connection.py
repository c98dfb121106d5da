"""One socket of Kite's ticker, kept up for as long as it is needed.

The ticker says which tokens it shall carry; frames go to the intake; states and losses are reported
to the ticker. One task runs it and is its only owner.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

import anyio
import structlog
from websockets.exceptions import ConnectionClosed

from app.domain.feeds import FeedState
from app.domain.quotes import StreamMode
from app.ports import Clock
from app.providers.backoff import Backoff
from app.providers.kite.dial import DialFailed, Line, SocketRefused, TokenRefused
from app.providers.kite.frames import Message, TickerSocket
from app.providers.kite.intake import Intake
from app.providers.kite.messages import error_in, plan_requests
from app.providers.kite.ticker_settings import TickerSettings
from app.providers.race import first_of

SILENCE_CHECKS = 10
"""How often within the allowed silence the watch looks: a dead socket is found at most a tenth late."""

_log = structlog.get_logger()


class TickerTokens(Protocol):
    """The access token as the ticker sees it; `KiteTokens` is one."""

    @property
    def token(self) -> str | None:
        """The present token; None while nobody is logged in."""
        ...

    @property
    def version(self) -> int:
        """Grows with each replacement."""
        ...

    async def wait_newer(self, version: int) -> int:
        """The version, as soon as it is newer than this one."""
        ...

    def rejected(self, token: str) -> None:
        """Kite refused this token."""
        ...


class Ending(Enum):
    """Why the life of a socket ended."""

    DROPPED = auto()
    """The other side closed it, or the line broke."""
    STALLED = auto()
    """It said nothing for too long."""
    TOKEN_REPLACED = auto()
    NOT_NEEDED = auto()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the connections of one ticker share."""

    line: Line
    tokens: TickerTokens
    intake: Intake
    clock: Clock
    is_trading: Callable[[], bool | None]
    """Whether any exchange trades now; None if the calendar does not know."""
    settings: TickerSettings


class Connection:
    """Dials, subscribes, reads, watches for silence, and dials again, until cancelled.

    `want` never waits; the difference is sent in the background. A socket that dies loses no
    subscription: what is wanted is sent anew on the next one. Not thread-safe; cancelling `run`
    closes the socket at once.
    """

    def __init__(self, shared: Surroundings, *, keep_open: bool, report: Callable[[frozenset[str]], None]) -> None:
        self.state: FeedState | None = None
        """None while it is not needed, and before its first dial has succeeded or failed."""
        self.message: str | None = None
        """A word to a person about the state."""
        self._shared = shared
        self._settings = shared.settings
        self._keep_open = keep_open
        self._report = report
        self._wanted: dict[int, StreamMode] = {}
        self._changed = asyncio.Event()
        self._backoff = Backoff(self._settings.first_delay, self._settings.longest_delay)
        self._version = shared.tokens.version
        self._dials = 0
        self._frames = 0
        self._live_since: float | None = None

    @property
    def is_needed(self) -> bool:
        """Whether a socket shall be open."""
        return self._keep_open or bool(self._wanted)

    def want(self, wanted: dict[int, StreamMode]) -> None:
        """Carry exactly these tokens."""
        if wanted != self._wanted:
            self._wanted = wanted
            self._changed.set()

    async def run(self) -> None:
        """Keep the socket up until cancelled."""
        while True:
            try:
                await self._live_once()
            except Exception:  # noqa: BLE001 -- the supervised loop: one broken socket must not end the feed
                _log.exception("ticker_connection_failed", dials=self._dials)
                await self._retry("the ticker's connection failed unexpectedly; see the log")

    async def _live_once(self) -> None:
        """From nothing to an open socket and back, with the wait that follows."""
        if not self.is_needed:
            self._enter(None)
            await self._changed.wait()
            self._changed.clear()
            return
        self._version, token = self._shared.tokens.version, self._shared.tokens.token
        if token is None:
            known = self.message if self.state is FeedState.LOGIN_REQUIRED else None
            await self._park(known or "nobody is logged in")
            return
        try:
            socket = await self._dial(token)
        except TokenRefused as refusal:
            self._shared.tokens.rejected(token)
            await self._park(str(refusal))
        except SocketRefused as refusal:
            self._enter(FeedState.RATE_LIMITED, str(refusal))
            await self._pause(self._settings.refused_delay)
        except DialFailed as failure:
            await self._retry(str(failure))
        else:
            await self._after(await self._use(socket, token))

    async def _dial(self, token: str) -> TickerSocket:
        if self.state is FeedState.LOGIN_REQUIRED:
            # Nobody is to be sent to the login again while the session that it gave is dialled.
            self._enter(FeedState.CONNECTING, "dialling with the new session")
        self._shared.intake.counters.redials += self._dials > 0
        self._dials += 1
        return await self._shared.line.dial(token)

    async def _park(self, reason: str) -> None:
        """Wait for a session newer than the one of this life: an old token is never tried again."""
        self._enter(FeedState.LOGIN_REQUIRED, reason)
        await self._shared.tokens.wait_newer(self._version)

    async def _use(self, socket: TickerSocket, token: str) -> Ending:
        """Read the socket until it ends; it is closed after this."""
        self._live_since = None
        try:
            ending = await first_of(
                lambda: self._receive(socket),
                lambda: self._request(socket),
                self._watch_silence,
                lambda: self._watch_token(token),
            )
            if ending in (Ending.TOKEN_REPLACED, Ending.NOT_NEEDED):
                await socket.close()
        finally:
            socket.transport.abort()
            self._lose()
        return ending

    async def _receive(self, socket: TickerSocket) -> Ending:
        clock, intake = self._shared.clock, self._shared.intake
        try:
            while True:
                messages = await socket.batch()
                self._frames += len(messages)
                intake.counters.frames += len(messages)
                if self._live_since is None:
                    self._go_live()
                binary = [message for message in messages if isinstance(message, bytes) and len(message) > 1]
                if binary:
                    intake.accept(binary, clock.now())
                if len(binary) < len(messages):
                    self._read_texts(messages)
        except ConnectionClosed:
            return Ending.DROPPED

    async def _request(self, socket: TickerSocket) -> Ending:
        subscribed: dict[int, StreamMode] = {}
        try:
            while self.is_needed:
                self._changed.clear()
                wanted = self._wanted
                for request in plan_requests(wanted, subscribed, chunk=self._settings.chunk):
                    await socket.send(request)
                subscribed = wanted
                await self._changed.wait()
        except ConnectionClosed:
            return Ending.DROPPED
        return Ending.NOT_NEEDED

    async def _watch_silence(self) -> Ending:
        clock = self._shared.clock
        heard, frames = clock.monotonic(), self._frames
        while True:
            pause = self._allowed_silence() / SILENCE_CHECKS
            before = clock.monotonic()
            await anyio.sleep(pause)
            now = clock.monotonic()
            # An event loop that was held up itself proves nothing about the socket.
            if self._frames != frames or now - before > 3 * pause:
                heard, frames = now, self._frames
            elif now - heard >= self._allowed_silence():
                return Ending.STALLED

    async def _watch_token(self, token: str) -> Ending:
        version = self._version
        while self._shared.tokens.token == token:
            version = await self._shared.tokens.wait_newer(version)
        return Ending.TOKEN_REPLACED

    def _allowed_silence(self) -> float:
        closed = self._shared.is_trading() is False
        return self._settings.silence_closed if closed else self._settings.silence

    def _read_texts(self, messages: Iterable[Message]) -> None:
        for error in [error_in(text) for text in messages if isinstance(text, str)]:
            if error is not None:
                self._shared.intake.counters.errors += 1
                _log.warning("ticker_error_message", message=error)

    def _go_live(self) -> None:
        self._live_since = self._shared.clock.monotonic()
        self._enter(FeedState.LIVE)

    def _lose(self) -> None:
        """Take stock of a socket that has ended: whom it carried, and whether it was healthy."""
        if self._live_since is None:
            return
        if self._shared.clock.monotonic() - self._live_since >= self._settings.healthy_after:
            self._backoff.reset()
        lost = self._shared.intake.ids_of(self._wanted)
        if lost:
            self._report(lost)

    async def _after(self, ending: Ending) -> None:
        if ending is Ending.STALLED:
            self._enter(FeedState.STALLED, f"no frame for {self._allowed_silence():g} s; dialling again")
            await self._pause(self._backoff.fail())
        elif ending is Ending.DROPPED:
            await self._retry("the connection was lost; dialling again")
        elif ending is Ending.TOKEN_REPLACED:
            self._enter(FeedState.CONNECTING, "dialling with the new session")

    async def _retry(self, reason: str) -> None:
        wait = self._backoff.fail()
        if self._backoff.failures >= self._settings.down_after:
            self._enter(FeedState.DOWN, reason)
        elif self.state is not FeedState.STALLED:
            self._enter(FeedState.CONNECTING, reason)
        await self._pause(wait)

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until there is a new token."""
        with anyio.move_on_after(seconds):
            await self._shared.tokens.wait_newer(self._version)

    def _enter(self, state: FeedState | None, message: str | None = None) -> None:
        if (state, message) != (self.state, self.message):
            self.state, self.message = state, message
            self._report(frozenset())
