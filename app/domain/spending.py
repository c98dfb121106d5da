"""What a failed question to a source cost. Asked by whoever counts upstream calls."""

from app.domain.errors import LoginRequired, MarketDataError, NotSupported, RateLimited

NEVER_SENT = (RateLimited, LoginRequired, NotSupported)
"""Failures for which no request went out."""


def requests_spent(error: MarketDataError) -> int:
    """Upstream requests behind an error."""
    return 0 if error.is_remembered or isinstance(error, NEVER_SENT) else 1
