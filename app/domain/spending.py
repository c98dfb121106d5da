"""What a failed question to a source cost. Asked by the services that count upstream calls."""

from app.domain.errors import LoginRequired, MarketDataError, RateLimited

NEVER_SENT = (RateLimited, LoginRequired)
"""Failures for which no request went out."""


def requests_spent(error: MarketDataError) -> int:
    """Upstream requests behind an error."""
    return 0 if isinstance(error, NEVER_SENT) else 1
