"""Which subscriptions may be shared, and what their payloads mean to a member that is late or slow.

`STREAMS` says it for each field of Subscription; `LiveStreams` asks for each operation. A field that is not named here
is executed for every client on its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.domain.bar_updates import bars_so_far, merged_bars
from app.domain.candles import CandleSeries
from app.domain.feeds import FeedState
from app.domain.update_merge import merged_quotes, merged_ticks, newest, position_after, quotes_so_far
from app.domain.updates import QuoteUpdate

Payloads = Sequence[Any]
"""What a source has yielded, oldest first, never empty."""


def _always(_: object) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Sharing:
    """How one stream is shared. All functions are pure."""

    merged: Callable[[Payloads], Payloads]
    """The fewest payloads that tell a member the same, given that it has all that came before them."""
    so_far: Callable[[Payloads], Any]
    """The first payload of a member that comes after these. What it was made of may be replaced by it."""
    is_sound: Callable[[Any], bool] = _always
    """Whether a late member may rely on this payload. After one that is not a stream takes nobody new for long, so that
    who comes later has its first payload from the source."""


SharingOf = Callable[[Mapping[str, Any]], Sharing | None]
"""The sharing of a field with these arguments; None: each client has its own execution."""


def _last(states: Payloads) -> Any:
    return states[-1]


STATE = Sharing(merged=newest, so_far=_last)
"""Every update is the whole state."""


def _is_live(update: QuoteUpdate) -> bool:
    return update.feed is FeedState.LIVE


def _is_complete(series: CandleSeries) -> bool:
    return series.problem is None


QUOTES = Sharing(merged=merged_quotes, so_far=quotes_so_far, is_sound=_is_live)
TICKS = Sharing(merged=merged_ticks, so_far=position_after)


def _state(_: Mapping[str, Any]) -> Sharing:
    return STATE


def _quotes(_: Mapping[str, Any]) -> Sharing:
    return QUOTES


def _ticks(arguments: Mapping[str, Any]) -> Sharing | None:
    """Who resumes from a cursor has a past of its own."""
    return TICKS if arguments.get("after") is None else None


def _candles(arguments: Mapping[str, Any]) -> Sharing:
    return Sharing(
        merged=merged_bars, so_far=partial(bars_so_far, snapshot=arguments["snapshot"]), is_sound=_is_complete
    )


STREAMS: Mapping[str, SharingOf] = {
    "quotes": _quotes,
    "ticks": _ticks,
    "candles": _candles,
    "providers": _state,
    "marketPhase": _state,
    "marketContext": _state,
    "optionChain": _state,
    "job": _state,
}
"""By the field's name in the schema."""
