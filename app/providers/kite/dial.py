"""One dial of Kite's ticker: address and token in, an open socket or the reason of a refusal out.

Called by `connection`. The token stands in the address, so nothing here logs, and no error that
leaves this file holds the address or the text of another exception.
"""

import logging
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast
from urllib.parse import urlencode, urlsplit, urlunsplit

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from app.providers.kite.frames import MAX_MESSAGE_BYTES, TickerSocket

API_VERSION = {"X-Kite-Version": "3"}


class DialFailed(Exception):
    """The ticker could not be reached. The message is fit for a person."""


class TokenRefused(DialFailed):
    """403 at the upgrade: Kite does not accept this token."""


class SocketRefused(DialFailed):
    """429 at the upgrade: Kite allows no further socket for this api_key."""


def _silent_logger() -> logging.Logger:
    # websockets logs the request line, token included, at DEBUG: its records must not exist at all.
    logger = logging.Logger("kite.ticker.silent")  # noqa: LOG001 -- outside of the tree no one can wake it
    logger.disabled = True
    return logger


@dataclass(frozen=True, slots=True)
class Line:
    """Where and how to dial. A wss address needs `tls`, and `tls` has to verify."""

    url: str
    api_key: str
    open_timeout: float
    close_timeout: float
    tls: ssl.SSLContext | None

    def address(self, token: str) -> str:
        """The address to dial with this token; both values are URL-encoded."""
        parts = urlsplit(self.url)
        credentials = urlencode({"api_key": self.api_key, "access_token": token})
        query = f"{parts.query}&{credentials}" if parts.query else credentials
        return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))

    async def dial(self, token: str) -> TickerSocket:
        """An open socket. Raises TokenRefused, SocketRefused or DialFailed."""
        try:
            socket = await connect(
                self.address(token),
                create_connection=TickerSocket,
                compression=None,
                ping_interval=None,  # Kite's heartbeats are the sign of life; `connection` watches for them
                max_size=MAX_MESSAGE_BYTES,
                open_timeout=self.open_timeout,
                close_timeout=self.close_timeout,
                additional_headers=API_VERSION,
                logger=_silent_logger(),
                ssl=self.tls,
            )
        except InvalidStatus as error:
            raise _refusal(error.response.status_code) from None
        except TimeoutError:
            raise DialFailed(f"the ticker did not answer within {self.open_timeout:g} s") from None
        except ssl.SSLCertVerificationError:
            msg = "the ticker's certificate is not valid for its address; nothing was sent to it"
            raise DialFailed(msg) from None
        except (OSError, WebSocketException) as error:
            raise DialFailed(f"the ticker cannot be reached ({type(error).__name__})") from None
        return cast("TickerSocket", socket)


def _refusal(status: int) -> DialFailed:
    if status == HTTPStatus.FORBIDDEN:
        return TokenRefused("Kite does not accept the access token; log in again")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return SocketRefused(
            "Kite refuses another socket for this api_key (429): another process holds them; stop the other one"
        )
    return DialFailed(f"the ticker answered the upgrade with HTTP {status}")
