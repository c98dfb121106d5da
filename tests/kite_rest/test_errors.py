"""Whatever Kite's client raises becomes an error of our own tree, and carries nothing of Kite's over."""

import inspect

import pytest
import requests.exceptions
import urllib3.exceptions
from hypothesis import given
from hypothesis import strategies as st
from kiteconnect import exceptions as kite_exceptions

from app.domain.errors import (
    InvalidInput,
    LoginRequired,
    MalformedPayload,
    MarketDataError,
    RateLimited,
    SourceError,
    SourceTimeout,
    SourceUnavailable,
)
from app.providers.kite.errors import TRANSLATIONS, Asked, translate
from app.providers.kite.limits import Endpoint
from app.providers.kite.transport import ForeignAnswer

ASKED = Asked(Endpoint.QUOTE, "http://here/auth/kite/login")
VENDOR_CLASSES = [
    cls for _, cls in inspect.getmembers(kite_exceptions, inspect.isclass) if cls.__module__ == kite_exceptions.__name__
]


def test_every_exception_of_the_vendor_has_its_own_line():
    """A class that a new version of kiteconnect adds fails here, not in production."""
    assert len(VENDOR_CLASSES) >= 8
    assert set(VENDOR_CLASSES) <= set(TRANSLATIONS)


@pytest.mark.parametrize("cls", VENDOR_CLASSES)
def test_code_429_is_a_rate_limit_whatever_the_class(cls):
    """Kiteconnect has no class for it."""
    error = translate(cls("words", code=429), ASKED)
    assert isinstance(error, RateLimited)
    assert error.retry_after_ms > 0


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (kite_exceptions.TokenException("secret-words"), LoginRequired),
        (kite_exceptions.PermissionException("secret-words"), SourceError),
        (kite_exceptions.InputException("secret-words"), InvalidInput),
        (kite_exceptions.DataException("secret-words", code=502), SourceUnavailable),
        (kite_exceptions.DataException("Couldn't parse the JSON response received: secret-words"), MalformedPayload),
        (kite_exceptions.NetworkException("secret-words", code=503), SourceUnavailable),
        (kite_exceptions.GeneralException("secret-words", code=400), SourceUnavailable),
        (kite_exceptions.OrderException("secret-words"), SourceUnavailable),
        (kite_exceptions.KiteException("secret-words", code=None), SourceUnavailable),
        (ForeignAnswer(502), SourceUnavailable),
        (ForeignAnswer(429), RateLimited),
        (ForeignAnswer(200), MalformedPayload),
        (ForeignAnswer(403), SourceUnavailable),
        (KeyError("content-type"), MalformedPayload),
        (TypeError("secret-words"), MalformedPayload),
        (AttributeError("secret-words"), MalformedPayload),
        (RecursionError("secret-words"), MalformedPayload),
        (requests.exceptions.ReadTimeout("secret-words"), SourceTimeout),
        (requests.exceptions.ConnectTimeout("secret-words"), SourceTimeout),
        (requests.exceptions.SSLError("secret-words"), SourceUnavailable),
        (requests.exceptions.ConnectionError("secret-words"), SourceUnavailable),
        (requests.exceptions.TooManyRedirects("secret-words"), SourceUnavailable),
        (requests.exceptions.InvalidHeader("secret-words"), SourceUnavailable),
        (requests.exceptions.JSONDecodeError("secret-words", "", 0), MalformedPayload),
        (urllib3.exceptions.ProtocolError("secret-words"), SourceUnavailable),
        (urllib3.exceptions.DecodeError("secret-words"), MalformedPayload),
        (urllib3.exceptions.ReadTimeoutError(None, None, "secret-words"), SourceTimeout),  # type: ignore[arg-type]
        (TimeoutError("secret-words"), SourceTimeout),
        (OSError("secret-words"), SourceUnavailable),
    ],
)
def test_the_table_holds(raised, expected):
    """Each line of the table, and no word of the vendor's message in ours."""
    error = translate(raised, ASKED)
    assert type(error) is expected
    assert "secret-words" not in error.message


def test_a_dead_token_says_where_to_log_in():
    """The link is ours: the broker's page would not come back to us."""
    error = translate(kite_exceptions.TokenException("words"), ASKED)
    assert isinstance(error, LoginRequired)
    assert error.login_url == ASKED.login_url
    assert ASKED.login_url in error.message


def test_an_error_of_our_own_tree_passes_unchanged():
    """Parsers raise them in the same thread."""
    error = MalformedPayload("ours")
    assert translate(error, ASKED) is error


@given(
    cls=st.sampled_from([ValueError, LookupError, ArithmeticError, RuntimeError, MemoryError, AssertionError]),
    words=st.text(),
)
def test_anything_else_is_a_malformed_payload(cls, words):
    """There is no other way out."""
    assert isinstance(translate(cls(words), ASKED), MarketDataError)
