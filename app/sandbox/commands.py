"""What a ticker client may say.

Comes in: text messages of a socket. Goes out: its changed subscriptions, and which tokens now need a first packet.
Pure; called by the ticker for each message.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from app.domain.quotes import StreamMode

MODES = {"ltp": StreamMode.LTP, "quote": StreamMode.QUOTE, "full": StreamMode.FULL}


class BadCommand(Exception):
    """A message that Kite does not understand; the client gets it as a text error."""

    def __init__(self, message: str = "Invalid message") -> None:
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Command:
    """One message, understood."""

    action: str
    tokens: tuple[int, ...]
    mode: StreamMode = StreamMode.QUOTE
    """The mode that the tokens shall have from now on; subscribing means quote until a mode is set."""


def parse_command(message: str | bytes) -> Command:
    """The command in a text message. Raises BadCommand."""
    try:
        body = orjson.loads(message)
        action, value = body["a"], body["v"]
        mode = StreamMode.QUOTE
        if action == "mode":
            mode, value = MODES[value[0]], value[1]
        tokens = tuple(dict.fromkeys(_token(item) for item in value))
    except (ValueError, KeyError, TypeError, IndexError):
        raise BadCommand from None
    if action not in ("subscribe", "unsubscribe", "mode"):
        raise BadCommand(f"Unknown action {str(action)[:40]!r}")
    return Command(action, tokens, mode)


def _token(item: object) -> int:
    if isinstance(item, bool) or not isinstance(item, int):
        msg = "a token is a whole number"
        raise TypeError(msg)
    return item


def apply_command(subscriptions: dict[int, StreamMode], command: Command, limit: int) -> tuple[list[int], str | None]:
    """Change `subscriptions`; the tokens that need a first packet, and an error text if some were over the limit."""
    if command.action == "unsubscribe":
        for token in command.tokens:
            subscriptions.pop(token, None)
        return [], None
    if command.action == "mode":
        known = [token for token in command.tokens if token in subscriptions]
        return _carry(subscriptions, known, command.mode), None
    fresh = [token for token in command.tokens if token not in subscriptions]
    room = max(0, limit - len(subscriptions))
    over = set(fresh[room:])
    accepted = _carry(subscriptions, (token for token in command.tokens if token not in over), command.mode)
    return accepted, _limit_text(limit, len(over)) if over else None


def _carry(subscriptions: dict[int, StreamMode], tokens: Iterable[int], mode: StreamMode) -> list[int]:
    carried = list(tokens)
    subscriptions.update(dict.fromkeys(carried, mode))
    return carried


def _limit_text(limit: int, over: int) -> str:
    return f"Maximum of {limit} instruments per connection; {over} were not subscribed"
