"""The broker's side of a login, and the token that all of its requests carry. Satisfied by `app.providers.kite`."""

from collections.abc import Callable
from typing import Protocol

from app.domain.feeds import KiteGrant


class KiteAuth(Protocol):
    """The broker's side of a login."""

    def login_page(self, state: str) -> str:
        """Address of the broker's login page that will hand `state` back to our callback."""
        ...

    async def exchange(self, request_token: str) -> KiteGrant:
        """Turn the request_token of a finished login into a session. Raises InvalidInput if Kite refuses it."""
        ...

    async def invalidate(self, access_token: str) -> None:
        """End a session at the broker. One that is dead already is no error."""
        ...

    async def verify(self, access_token: str) -> bool:
        """Whether the broker still accepts the token. Raises SourceError if it cannot be asked."""
        ...


class KiteAccess(Protocol):
    """The token that every Kite call uses. Replacing it takes effect for the next call and re-dials the stream."""

    @property
    def token(self) -> str | None:
        """The present token; None while nobody is logged in."""
        ...

    def replace(self, token: str | None) -> None:
        """Use another token from now on; None: refuse calls with LoginRequired."""
        ...

    def on_rejected(self, callback: Callable[[str], None]) -> None:
        """Call back, on the event loop, with each token that Kite refused; once a token."""
        ...
