"""Which media type answers a request: real negotiation by q-values. Pure.

`http` asks once per distinct Accept header. In: the header. Out: the answer's media types, best first.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Media(StrEnum):
    """What we can answer with."""

    JSON = "application/json"
    GRAPHQL = "application/graphql-response+json"
    EVENTS = "text/event-stream"
    HTML = "text/html"


OFFERED = (Media.JSON, Media.GRAPHQL, Media.EVENTS)
"""In our own order of preference, which decides where a client's does not: `*/*` gets application/json."""

RANGES_READ = 32
"""Media ranges looked at in one Accept header; browsers send ten."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a client takes."""

    media: tuple[Media, ...]
    """Of OFFERED, best first; empty: nothing that we have."""
    html: bool
    """Whether it named text/html, as browsers do."""
    single: Media | None = field(init=False)
    """The type for one result: JSON of either kind, or a stream if the client likes that better."""
    result: Media | None = field(init=False)
    """The best type that is one JSON document."""
    content_type: bytes = field(init=False)
    """The header of a JSON answer; plain JSON also for those who take none, so that they can read why."""
    streams: bool = field(init=False)
    """Whether a subscription can be answered at all."""

    def __post_init__(self) -> None:
        """Work out once per distinct header what each request asks for."""
        result = next((media for media in self.media if media is not Media.EVENTS), None)
        content_type = f"{result or Media.JSON}; charset=utf-8".encode()
        object.__setattr__(self, "single", self.media[0] if self.media else None)
        object.__setattr__(self, "result", result)
        object.__setattr__(self, "content_type", content_type)
        object.__setattr__(self, "streams", Media.EVENTS in self.media)


@dataclass(frozen=True, slots=True)
class _Range:
    type: str
    quality: float
    position: int

    @property
    def precision(self) -> int:
        if self.type == "*/*":
            return 0
        return 1 if self.type.endswith("/*") else 2

    def covers(self, media: Media) -> bool:
        return self.type in {"*/*", media.value, f"{media.value.partition('/')[0]}/*"}


def negotiate(accept: str | None) -> Accepted:
    """What an Accept header means; None: the client said nothing and takes anything."""
    if accept is None or not accept.strip():
        return Accepted(OFFERED, html=False)
    ranges = [_range(text, position) for position, text in enumerate(accept.split(",")[:RANGES_READ])]
    ranked = []
    for rank, media in enumerate(OFFERED):
        best = _best(ranges, media)
        if best is not None and best.quality > 0:
            tie = best.position if best.precision == 2 else RANGES_READ  # noqa: PLR2004 - named in full
            streams = media is Media.EVENTS  # a stream must be liked better than JSON, not as much
            ranked.append(((-best.quality, -best.precision, streams, tie, rank), media))
    html = any(item.type == Media.HTML and item.quality > 0 for item in ranges)
    return Accepted(tuple(media for _, media in sorted(ranked)), html=html)


def _best(ranges: list[_Range], media: Media) -> _Range | None:
    """The most precise range that speaks of a media type: it alone counts, so `*/*, text/event-stream;q=0` is no."""
    speaking = [item for item in ranges if item.covers(media)]
    return max(speaking, key=lambda item: (item.precision, -item.position), default=None)


def _range(text: str, position: int) -> _Range:
    kind, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = next((value[2:] for value in parameters if value.startswith("q=")), "1")
    return _Range(kind, _quality(quality), position)


def _quality(text: str) -> float:
    """0 to 1; 0 for what is no number, so that a broken preference never wins."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0 <= value <= 1 else 0.0
