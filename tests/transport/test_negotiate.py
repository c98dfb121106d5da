"""The Accept header is negotiated, not searched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.transport.negotiate import OFFERED, Media, negotiate

URQL = (
    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
)
CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "single"),
    [
        (None, Media.JSON),
        ("", Media.JSON),
        ("*/*", Media.JSON),
        ("application/*", Media.JSON),
        ("application/json", Media.JSON),
        ("application/graphql-response+json", Media.GRAPHQL),
        ("APPLICATION/GRAPHQL-RESPONSE+JSON", Media.GRAPHQL),
        ("application/graphql-response+json, application/json;q=0.9", Media.GRAPHQL),
        ("application/json;q=0.5, application/graphql-response+json;q=0.4", Media.JSON),
        ("application/graphql-response+json;q=0, */*", Media.JSON),
        ("application/json;q=0, */*", Media.GRAPHQL),
        (URQL, Media.GRAPHQL),
        (CHROME, Media.JSON),
        ("text/event-stream", Media.EVENTS),
        ("text/event-stream, application/json", Media.JSON),
        ("text/event-stream, application/json;q=0.9", Media.EVENTS),
        ("text/event-stream, */*;q=0.1", Media.EVENTS),
        ("text/event-stream;q=0, application/json", Media.JSON),
        ("text/event-stream;q=0", None),
        ("text/event-stream;q=high, application/json;q=0.1", Media.JSON),
        ("image/png", None),
        ("text/html", None),
    ],
)
def test_best_media_type_for_one_result(accept: str | None, single: Media | None):
    """Highest quality, then the most precise, then the client's order; a stream only if it is liked better."""
    assert negotiate(accept).single is single


@pytest.mark.parametrize(
    ("accept", "streams"),
    [
        (URQL, True),
        (None, True),
        ("*/*", True),
        ("application/json", False),
        ("application/json, text/event-stream;q=0", False),
        ("*/*, text/event-stream;q=0", False),
        ("application/json, text/event-stream;q=0.1", True),
    ],
)
def test_subscription_needs_a_stream_to_be_acceptable(accept: str | None, streams: bool):  # noqa: FBT001 - a table
    """At any quality but zero."""
    assert negotiate(accept).streams is streams


@pytest.mark.parametrize(("accept", "html"), [(CHROME, True), ("*/*", False), ("text/html;q=0", False)])
def test_page_is_for_those_who_name_it(accept: str, html: bool):  # noqa: FBT001 - a table
    """`*/*` is curl, not a browser."""
    assert negotiate(accept).html is html


@given(st.one_of(st.text(), st.text(alphabet="*/;q=.,01 aejnopstvx+-")))
def test_any_header_is_understood(accept: str):
    """Garbage never raises, and never yields what is not offered."""
    assert set(negotiate(accept).media) <= set(OFFERED)
