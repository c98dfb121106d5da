"""What a caller wants of history, checked: every nonsense gets its message here, before any call.

Comes in: the arguments of `candles`. Goes out: a HistoryRequest that makes sense. Pure. Called by HistoryService.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from app.domain.candle_merge import MERGED, ceil_period
from app.domain.candles import Interval
from app.domain.errors import InvalidInput, InvalidRange, NotSupported
from app.domain.instruments import Instrument
from app.domain.time import ist_date, ist_datetime

DEFAULT_LAST = 100
"""Bars of an answer to a question that names neither `from` nor `last`: about a screen of a chart."""
MAX_BARS = 50_000
"""Bars of one answer: 133 trading days of minutes; about 6 MB as JSON, and a tenth of a second to write."""
EARLIEST_INTRADAY = date(2015, 1, 1)
"""Kite's intraday bars begin early in 2015; asking for more costs a request for each 60 empty days."""
EARLIEST_DAY = date(2000, 1, 1)
"""Kite's daily bars begin, for most stocks, before 2000, but are adjusted and complete only from about here."""
SESSION_MINUTES = 375
"""Minutes of the shortest trading day, 09:15 to 15:30; other markets have more bars, never fewer."""
TRADING_DAYS = 0.66
"""Share of all days on which exchanges trade: about 242 of 365, the leanest year."""


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """A question that makes sense: the bars from `start`, or the `last` ones, that open before `end`."""

    instrument: Instrument
    interval: Interval
    start: datetime | None
    """Inclusive; None: count back from `end`."""
    end: datetime
    """Exclusive, never after now."""
    now: datetime
    """When it was asked: what is open at this instant is FORMING."""
    last: int
    """How many bars at most; counts only without `start`."""
    earliest: datetime
    """Before this the source has nothing."""

    @property
    def base(self) -> Interval:
        """The interval to ask the source for."""
        return Interval.DAY if self.interval in MERGED else self.interval

    @property
    def base_end(self) -> datetime:
        """Where the bars of `base` end: a week that opens before `end` is a whole week, as far as it has come."""
        return min(ceil_period(self.end, self.interval), self.now) if self.interval in MERGED else self.end


def check_request(  # noqa: PLR0913 - what a question can name, by keyword
    instrument: Instrument,
    interval: Interval,
    *,
    start: datetime | None,
    end: datetime | None,
    last: int | None,
    now: datetime,
    answered: bool = True,
) -> HistoryRequest:
    """The request, in UTC, `end` not after now. `answered`: its bars shall fit into an answer.

    Raises InvalidInput, InvalidRange, NotSupported.
    """
    _check_last(start, last)
    _check_expiry(instrument, now)
    earliest = ist_datetime(EARLIEST_DAY if interval.minutes is None else EARLIEST_INTRADAY)
    _check_span(start, end, now)
    _check_reach(start, end, interval, earliest)
    until = now if end is None else min(end, now).astimezone(UTC)
    if start is not None:
        start = start.astimezone(UTC)
        if answered:
            _check_size(start, until, interval)
    return HistoryRequest(instrument, interval, start, until, now, last or DEFAULT_LAST, earliest.astimezone(UTC))


def bars_a_day(interval: Interval) -> float:
    """Bars that a calendar day has at least, on average: on the exchange with the fewest."""
    if interval.minutes is not None:
        return TRADING_DAYS * SESSION_MINUTES / interval.minutes
    return {Interval.WEEK: 1 / 7, Interval.MONTH: 1 / 31}.get(interval, TRADING_DAYS)


def too_many_bars(interval: Interval) -> InvalidRange:
    """The error for a range with more bars than an answer may have."""
    days = int(MAX_BARS / bars_a_day(interval))
    return InvalidRange(
        f"the range has more than {MAX_BARS} {interval} bars; ask page by page, each with the `from` of the page "
        f"before as its `to` (at most about {days} days of NSE hours a page), or for a longer interval"
    )


def _check_last(start: datetime | None, last: int | None) -> None:
    if last is None:
        return
    if start is not None:
        msg = "`from` and `last` exclude each other: give `from` and `to`, or `last` and `to`"
        raise InvalidInput(msg)
    if not 1 <= last <= MAX_BARS:
        msg = f"`last` is {last}; it must lie between 1 and {MAX_BARS}. For more, ask page by page with `to`"
        raise InvalidInput(msg)


def _check_expiry(instrument: Instrument, now: datetime) -> None:
    """The exchanges give the token of an expired contract to another: its history would be that one's."""
    if instrument.expiry is not None and instrument.expiry < ist_date(now):
        msg = f"{instrument.id} expired on {instrument.expiry}, and the source has no history of expired contracts"
        raise NotSupported(msg)


def _check_span(start: datetime | None, end: datetime | None, now: datetime) -> None:
    for name, instant in (("from", start), ("to", end)):
        if instant is not None and instant.tzinfo is None:
            msg = f"`{name}` {instant.isoformat()} has no time zone; write for example {instant.isoformat()}+05:30"
            raise InvalidRange(msg)
    if start is None:
        return
    if end is not None and start >= end:
        msg = f"`from` {start.isoformat()} is not before `to` {end.isoformat()}; exchange them"
        raise InvalidRange(msg)
    if start >= now:
        msg = f"`from` {start.isoformat()} lies in the future: there are no bars yet"
        raise InvalidRange(msg)


def _check_reach(start: datetime | None, end: datetime | None, interval: Interval, earliest: datetime) -> None:
    for name, instant in (("from", start), ("to", end)):
        if instant is not None and (instant < earliest if name == "from" else instant <= earliest):
            msg = (
                f"`{name}` {instant.isoformat()} is beyond the source's reach: "
                f"it has {interval} bars from {earliest.isoformat()} on"
            )
            raise InvalidRange(msg)


def _check_size(start: datetime, end: datetime, interval: Interval) -> None:
    if (end - start) / timedelta(days=1) * bars_a_day(interval) > MAX_BARS:
        raise too_many_bars(interval)
