"""How instruments are named in a request to Kite, and how many fit into one. Pure; called by the sources."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from urllib.parse import quote_plus

from app.domain.candles import CandleRange
from app.domain.instruments import Instrument, InstrumentKind
from app.domain.time import to_ist
from app.providers.kite.limits import MAX_INSTRUMENTS, MAX_URL_BYTES

QUOTE_PATH_BYTES = len("/quote?")
PARAMETER_BYTES = len("i=&")
DERIVATIVES = frozenset({InstrumentKind.FUTURE, InstrumentKind.CALL, InstrumentKind.PUT})
"""The kinds that have open interest and expire."""


def is_expired(instrument: Instrument, today: date) -> bool:
    """Whether its token may belong to another contract by now: exchanges use them again."""
    return instrument.expiry is not None and instrument.expiry < today


def quote_keys(instruments: Sequence[Instrument], *, today: date) -> dict[str, Instrument]:
    """What to ask for -> the instrument it stands for, without repetitions.

    The token, because it is short; the symbol where there is none, where two instruments claim the same
    one, or where it has expired: a token alone could then bring another instrument's price.
    """
    by_id = {instrument.id: instrument for instrument in instruments}
    claims = Counter(instrument.instrument_token for instrument in by_id.values())
    keys: dict[str, Instrument] = {}
    for instrument in by_id.values():
        token = instrument.instrument_token
        certain = token is not None and claims[token] == 1 and not is_expired(instrument, today)
        keys[str(token) if certain else instrument.id] = instrument
    return keys


def cut_to_requests(
    keys: Mapping[str, Instrument], *, most: int = MAX_INSTRUMENTS, url_bytes: int = MAX_URL_BYTES
) -> Iterator[dict[str, Instrument]]:
    """The same keys in as many requests as they need: each has at most `most` of them and `url_bytes` of address."""
    chunk: dict[str, Instrument] = {}
    size = QUOTE_PATH_BYTES
    for key, instrument in keys.items():
        cost = PARAMETER_BYTES + len(quote_plus(key))
        if chunk and (len(chunk) == most or size + cost > url_bytes):
            yield chunk
            chunk, size = {}, QUOTE_PATH_BYTES
        chunk[key] = instrument
        size += cost
    if chunk:
        yield chunk


def history_span(span: CandleRange) -> tuple[str, str]:
    """`from` and `to` of a request for the bars that open in [start, end).

    Kite reads both as Indian wall clock, in whole seconds, and includes `to`.
    """
    second = timedelta(seconds=1)
    first = _whole_second(span.start - timedelta(microseconds=1)) + second
    last = _whole_second(span.end - timedelta(microseconds=1))
    return _wall_clock(first), _wall_clock(last)


def _whole_second(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)


def _wall_clock(instant: datetime) -> str:
    return to_ist(instant).strftime("%Y-%m-%d %H:%M:%S")
