"""Every exception of the vendors has an error of ours."""

import inspect
import ssl

import pytest
from curl_cffi.requests import exceptions as curl
from yfinance import exceptions as yahoo

from app.domain.errors import (
    MalformedPayload,
    MarketDataError,
    NotPriced,
    RateLimited,
    SourceTimeout,
    SourceUnavailable,
)
from app.providers.yahoo.errors import TRANSLATIONS, by_status, translate
from app.providers.yahoo.limits import Endpoint

VENDORS = [
    kind
    for module in (yahoo, curl)
    for _, kind in inspect.getmembers(module, inspect.isclass)
    if issubclass(kind, Exception) and kind.__module__ == module.__name__ and not issubclass(kind, Warning)
]


@pytest.mark.parametrize("kind", [kind for kind in VENDORS if kind.__module__ == yahoo.__name__])
def test_every_exception_of_yfinance_has_its_own_line(kind: type[Exception]):
    """A new one in a new version fails here."""
    assert kind in TRANSLATIONS


@pytest.mark.parametrize("kind", VENDORS)
def test_every_exception_becomes_an_error_of_the_tree_without_its_words(kind: type[Exception]):
    """They hold addresses and crumbs."""
    error = kind.__new__(kind)
    error.args = ("https://query1.finance.yahoo.com/?crumb=secret",)
    failure = translate(error, Endpoint.QUOTE)
    assert isinstance(failure, MarketDataError)
    assert "secret" not in failure.message


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (yahoo.YFRateLimitError(), RateLimited),
        (yahoo.YFTzMissingError("X"), NotPriced),
        (curl.ReadTimeout("x"), SourceTimeout),
        (curl.ConnectTimeout("x"), SourceTimeout),
        (curl.DNSError("x"), SourceUnavailable),
        (curl.CertificateVerifyError("x"), SourceUnavailable),
        (ssl.SSLError(), SourceUnavailable),
        (TimeoutError(), SourceTimeout),
        (KeyError("x"), MalformedPayload),
        (AttributeError("x"), MalformedPayload),
    ],
)
def test_the_nearest_class_decides(error: Exception, expected: type[MarketDataError]):
    """And what is unknown is a stumble over a strange answer."""
    assert type(translate(error, Endpoint.CHART)) is expected


@pytest.mark.parametrize(
    ("status", "expected"), [(429, RateLimited), (401, SourceUnavailable), (503, SourceUnavailable)]
)
def test_a_status_has_its_error(status: int, expected: type[MarketDataError]):
    """429 says when to ask again."""
    assert type(by_status(status, Endpoint.QUOTE)) is expected
