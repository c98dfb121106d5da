"""The token that every Kite call and every dial of the ticker uses.

Comes in: tokens from the session service, rejections from the client and the ticker. Goes out: the
present token, and word of a rejection to whoever owns the session. Everything runs on the event loop.
"""

import asyncio
from collections.abc import Callable


class KiteTokens:
    """The present access token; satisfies `ports.KiteAccess`.

    Never waits except in `wait_newer`; not thread-safe: for the event loop alone; cancel-safe.
    A rejection changes nothing here: the owner of the session answers it with `replace`.
    """

    def __init__(self, token: str | None = None) -> None:
        self._token = token
        self._version = 0
        self._told = False
        self._callbacks: list[Callable[[str], None]] = []
        self._replaced = asyncio.Event()

    def __repr__(self) -> str:
        """Never shows the token."""
        return f"KiteTokens(version={self._version}, logged_in={self._token is not None})"

    @property
    def token(self) -> str | None:
        """The present token; None while nobody is logged in."""
        return self._token

    @property
    def version(self) -> int:
        """Grows by one with each `replace`, also with the same token: Kite may hand it out twice a day."""
        return self._version

    def replace(self, token: str | None) -> None:
        """Use another token from now on; None: refuse calls with LoginRequired. Wakes `wait_newer`."""
        self._token = token
        self._version += 1
        self._told = False
        replaced, self._replaced = self._replaced, asyncio.Event()
        replaced.set()

    def on_rejected(self, callback: Callable[[str], None]) -> None:
        """Call back, on the event loop, with each token that Kite refused; once a replacement. It must not raise."""
        self._callbacks.append(callback)

    def rejected(self, token: str) -> None:
        """Kite refused exactly this token. One that is no longer the present one is ignored."""
        if self._told or token != self._token:
            return
        self._told = True
        for callback in tuple(self._callbacks):
            callback(token)

    async def wait_newer(self, version: int) -> int:
        """The version as soon as it is newer than `version`: at once if it is already."""
        while self._version <= version:
            await self._replaced.wait()
        return self._version
