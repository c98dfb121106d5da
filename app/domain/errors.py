"""The one error tree. Everything that a caller may be told has a class here.

MarketDataError
|-- InvalidInput            INVALID_INPUT          an argument that makes no sense: empty, too many, malformed
|   `-- InvalidRange        INVALID_RANGE          a time range that is upside down or out of reach
|-- UnknownInstrument       UNKNOWN_INSTRUMENT     no such id in the instrument master
|-- NotPriced               NOT_PRICED             the source knows the instrument and has no price for it
|-- NotSupported            NOT_SUPPORTED          the source cannot do that at all
|-- Forbidden               FORBIDDEN              the caller's role does not allow it
`-- SourceError             SOURCE_ERROR           a source could not answer
    |-- SourceUnavailable   SOURCE_UNAVAILABLE     down, refused, 5xx
    |-- SourceTimeout       SOURCE_TIMEOUT         no answer within the deadline
    |-- RateLimited         RATE_LIMITED           the request budget is spent; carries retry_after_ms
    |-- LoginRequired       LOGIN_REQUIRED         a person must log in; carries login_url
    `-- MalformedPayload    MALFORMED_PAYLOAD      the source sent something that is not its own format

A message names the thing and the remedy, and never holds a secret or an upstream body.
"""

from typing import ClassVar


class MarketDataError(Exception):
    """An error that a caller may see. `code` travels as `extensions.code`, with `retryable`."""

    code: ClassVar[str] = "MARKET_DATA_ERROR"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.requests_sent: int | None = None
        """Requests that went out for it in vain; 0 where it is raised again without asking anybody, as while a circuit
        is open. None: nobody counted."""

    @property
    def extensions(self) -> dict[str, object]:
        """What travels beside the message: always `code` and `retryable`."""
        return {"code": self.code, "retryable": self.retryable}


class InvalidInput(MarketDataError):
    """An argument that makes no sense: empty, malformed, too many."""

    code = "INVALID_INPUT"


class InvalidRange(InvalidInput):
    """A time range that is upside down or out of the source's reach."""

    code = "INVALID_RANGE"


class UnknownInstrument(MarketDataError):
    """No such id in the instrument master."""

    code = "UNKNOWN_INSTRUMENT"


class NotPriced(MarketDataError):
    """The source knows the instrument and has no price for it, as before its first trade."""

    code = "NOT_PRICED"


class NotSupported(MarketDataError):
    """The source cannot do that at all."""

    code = "NOT_SUPPORTED"


class Forbidden(MarketDataError):
    """The caller's role does not allow it."""

    code = "FORBIDDEN"


class SourceError(MarketDataError):
    """A source could not answer."""

    code = "SOURCE_ERROR"
    retryable = True


class SourceUnavailable(SourceError):
    """The source is down: refused, reset, 5xx."""

    code = "SOURCE_UNAVAILABLE"


class SourceTimeout(SourceError):
    """The source did not answer within the deadline."""

    code = "SOURCE_TIMEOUT"


class RateLimited(SourceError):
    """The request budget is spent. `retry_after_ms`: when it is worth asking again."""

    code = "RATE_LIMITED"

    def __init__(self, message: str, *, retry_after_ms: int) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms
        self.is_our_own = False
        """Our own budget held the request back, and not because the source had refused one: it says nothing of it."""

    @property
    def extensions(self) -> dict[str, object]:
        """Adds `retryAfterMs`."""
        return {**super().extensions, "retryAfterMs": self.retry_after_ms}


class LoginRequired(SourceError):
    """A person must log in to the source. `login_url`: where."""

    code = "LOGIN_REQUIRED"
    retryable = False

    def __init__(self, message: str, *, login_url: str) -> None:
        super().__init__(message)
        self.login_url = login_url

    @property
    def extensions(self) -> dict[str, object]:
        """Adds `loginUrl`."""
        return {**super().extensions, "loginUrl": self.login_url}


class MalformedPayload(SourceError):
    """The source sent something that is not its own format. The body is never echoed."""

    code = "MALFORMED_PAYLOAD"
