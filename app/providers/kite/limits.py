"""What Kite Connect allows, each number with where it was said. Read by the whole provider."""

from datetime import timedelta
from enum import StrEnum

from app.domain.candles import Interval
from app.ports import Clock
from app.providers.budget import Allowance, SourceBudgets


class Endpoint(StrEnum):
    """What a REST call is for; the label of its metrics."""

    QUOTE = "quote"
    HISTORICAL = "historical"
    INSTRUMENTS = "instruments"
    SESSION = "session"
    PROFILE = "profile"

    @property
    def budget(self) -> str:
        """The class that Kite counts it in: quote, historical or other."""
        return self.value if self in {Endpoint.QUOTE, Endpoint.HISTORICAL} else "other"


ALLOWANCES = {
    # kite.trade/docs/connect/v3/exceptions: 1, 3 and 10 requests a second; 429 at once beyond that.
    # Waits: a page waits five seconds for prices; history is a chart that loads, and a login is a person.
    "quote": Allowance(per_second=1, default_wait=5.0),
    "historical": Allowance(per_second=3, default_wait=10.0),
    "other": Allowance(per_second=10, default_wait=5.0),
}

MAX_INSTRUMENTS = 500
"""Instruments of one full-quote request (kite.trade/forum 51532)."""
MAX_URL_BYTES = 8_000
"""Kite answers 414 above about 16 KB (forum 46232); proxies on the way commonly stop at 8 KB."""

INTERVAL_WORDS = {
    Interval.MINUTE: "minute",
    Interval.MINUTE_3: "3minute",
    Interval.MINUTE_5: "5minute",
    Interval.MINUTE_10: "10minute",
    Interval.MINUTE_15: "15minute",
    Interval.MINUTE_30: "30minute",
    Interval.HOUR: "60minute",
    Interval.DAY: "day",
}
"""Kite's words; it has no weeks and no months (forum 3472)."""

LONGEST_SPANS = {
    Interval.MINUTE: timedelta(days=60),
    Interval.MINUTE_3: timedelta(days=100),
    Interval.MINUTE_5: timedelta(days=100),
    Interval.MINUTE_10: timedelta(days=100),
    Interval.MINUTE_15: timedelta(days=200),
    Interval.MINUTE_30: timedelta(days=200),
    Interval.HOUR: timedelta(days=400),
    Interval.DAY: timedelta(days=2000),
}
"""The longest span of one request (forum 3105, staff)."""

CONNECT_SECONDS = 3.05
"""One lost SYN is sent again after 3 s."""
READ_SECONDS = 7.0
"""Silence on an open connection: kiteconnect's own default."""
ANSWER_SECONDS = 12.0
"""A whole answer: connect, silence and half a megabyte; above the two others so that they are told apart."""
MASTER_SECONDS = 60.0
"""The instrument master: 2 MB compressed over a slow line, once a day."""
GRACE_SECONDS = 2.0
"""What a caller waits beyond the thread's own deadline, so that the thread ends first and is not abandoned."""

MAX_ANSWER_BYTES = 16 << 20
"""500 quotes are 0.5 MB, 60 days of minutes 2 MB; what is larger is no answer of Kite's."""
MAX_MASTER_BYTES = 64 << 20
"""The master has 11 MB; six times that is no master."""
MAX_THREADS = 48
"""Answers that may be outstanding: (1 + 3) a second for ANSWER_SECONDS. Threads that wait for a socket cost little."""


def kite_budgets(clock: Clock) -> SourceBudgets:
    """The request budgets of one Kite api_key."""
    return SourceBudgets(ALLOWANCES, clock)
