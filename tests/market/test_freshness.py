"""Whether a price counts as the present one: by the stream, its age, and the calendar of its instrument."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.calendar import load_calendar
from app.domain.instruments import Instrument, InstrumentKind
from app.domain.provenance import DataSource, Freshness
from app.domain.quotes import Quote, StreamMode
from app.providers.yahoo.symbols import yahoo_instrument
from app.services.freshness import FreshnessJudge
from app.services.phases import PhaseService
from tests.streaming.stage import an_instrument
from tests.support.clock import FixedClock

FRIDAY_CLOSE = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
"""15:30 in India."""
STOCK, WORLD = an_instrument("INFY"), yahoo_instrument("^GSPC")


class Streamed:
    """A stream that has some of them."""

    def __init__(self, *ids: str) -> None:
        self.ids = ids

    def latest(self, instrument_id: str, mode: StreamMode = StreamMode.FULL) -> Quote | None:
        """A price of each that it has."""
        return Quote(instrument_id, 1.0, DataSource.SANDBOX, FRIDAY_CLOSE, mode) if instrument_id in self.ids else None


def judged(
    at: datetime,
    age: timedelta,
    *,
    instrument: Instrument = STOCK,
    streamed: bool = False,
    in_session: bool | None = None,
    delayed: bool = False,
) -> Freshness:
    """A price that was received a while ago."""
    phases = PhaseService(load_calendar(None), lambda _: instrument.kind is InstrumentKind.EQUITY)
    judge = FreshnessJudge(Streamed(*([instrument.id] if streamed else [])), phases, FixedClock(at))
    delay = timedelta(minutes=15) if delayed else None
    quote = Quote(instrument.id, 1.0, DataSource.SANDBOX, at - age, in_session=in_session, delayed_by=delay)
    return judge(quote, instrument)


@pytest.mark.parametrize(
    ("at", "age", "expected"),
    [
        (datetime(2026, 11, 22, 6, 0, tzinfo=UTC), timedelta(hours=44), Freshness.CLOSED),
        (datetime(2026, 11, 22, 18, 35, tzinfo=UTC), timedelta(hours=57), Freshness.CLOSED),
        (datetime(2026, 11, 23, 3, 25, tzinfo=UTC), timedelta(hours=60), Freshness.CLOSED),
        (datetime(2026, 11, 23, 3, 35, tzinfo=UTC), timedelta(hours=60), Freshness.STALE),
        (datetime(2026, 11, 23, 4, 30, tzinfo=UTC), timedelta(seconds=6), Freshness.STALE),
        (datetime(2026, 11, 23, 4, 30, tzinfo=UTC), timedelta(seconds=4), Freshness.LIVE),
    ],
    ids=["Sunday", "after midnight in India", "before pre-open", "pre-open", "in session, old", "in session, young"],
)
def test_the_calendar_decides_before_the_age(at: datetime, age: timedelta, expected: Freshness) -> None:
    """On Sunday Friday's price is that of a closed session; in pre-open it is an old one."""
    assert judged(at, age) is expected


def test_a_streamed_price_is_live_at_any_age() -> None:
    """Nothing traded since."""
    assert judged(datetime(2026, 11, 23, 4, 30, tzinfo=UTC), timedelta(hours=1), streamed=True) is Freshness.LIVE


@pytest.mark.parametrize(
    ("in_session", "expected"), [(True, Freshness.STALE), (False, Freshness.CLOSED), (None, Freshness.STALE)]
)
def test_of_a_market_without_a_calendar_the_source_tells(in_session: bool | None, expected: Freshness) -> None:  # noqa: FBT001 - a source's word
    """New York on a Sunday: its source says closed. Where nobody says, age decides, and nothing is assumed."""
    at = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
    assert judged(at, timedelta(minutes=1), instrument=WORLD, in_session=in_session) is expected


def test_a_delayed_price_is_delayed_in_session_and_closed_after_it() -> None:
    """Its source says so; the calendar comes first."""
    assert judged(datetime(2026, 11, 23, 4, 30, tzinfo=UTC), timedelta(hours=1), delayed=True) is Freshness.DELAYED
    assert judged(datetime(2026, 11, 22, 6, 0, tzinfo=UTC), timedelta(hours=1), delayed=True) is Freshness.CLOSED
