"""Text messages of the ticker, both ways. Pure.

What is wanted and what is subscribed come in, requests go out, to `connection`; Kite's own text
messages come in, an error text goes out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import orjson

from app.domain.quotes import StreamMode

MODE_NAMES = {StreamMode.LTP: "ltp", StreamMode.QUOTE: "quote", StreamMode.FULL: "full"}

MAX_ERROR_TEXT = 200
"""Characters of Kite's error text that are kept: enough to read, too few to fill a log."""

Modes = Mapping[int, StreamMode]
"""Instrument token -> mode."""


def plan_requests(wanted: Modes, subscribed: Modes, *, chunk: int) -> Iterator[str]:
    """The requests that turn `subscribed` into `wanted`: at most `chunk` tokens each, leavers first.

    Kite subscribes in mode quote, whatever was before, so each new token gets its mode as well.
    """
    for tokens in _chunks([token for token in subscribed if token not in wanted], chunk):
        yield _request("unsubscribe", tokens)
    for tokens in _chunks([token for token in wanted if token not in subscribed], chunk):
        yield _request("subscribe", tokens)
        yield from _mode_requests(tokens, wanted)
    switched = [token for token, mode in wanted.items() if token in subscribed and subscribed[token] is not mode]
    for tokens in _chunks(switched, chunk):
        yield from _mode_requests(tokens, wanted)


def error_in(text: str) -> str | None:
    """The error that Kite reports in a text message; None for orders, for everything else and for garbage."""
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(message, dict) or message.get("type") != "error":
        return None
    return str(message.get("data"))[:MAX_ERROR_TEXT]


def _mode_requests(tokens: Sequence[int], wanted: Modes) -> Iterator[str]:
    for mode, name in MODE_NAMES.items():
        of_mode = [token for token in tokens if wanted[token] is mode]
        if of_mode:
            yield _request("mode", [name, of_mode])


def _request(action: str, value: object) -> str:
    return orjson.dumps({"a": action, "v": value}).decode()


def _chunks(tokens: Iterable[int], size: int) -> Iterator[list[int]]:
    rest = iter(tokens)
    while chunk := list(islice(rest, size)):
        yield chunk
