"""A listed underlying of which a test decides every price."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from app.domain.errors import MarketDataError, NotPriced
from app.domain.feeds import FeedState
from app.domain.instruments import Exchange, Instrument, InstrumentKind
from app.domain.options import OptionChain
from app.domain.provenance import Cost, DataSource, Freshness
from app.domain.quotes import Quote, StreamMode
from app.services.options.black76 import Terms, prices
from app.services.options.chain import OptionChains
from app.services.options.listing import expires_at
from app.streaming.quotebox import QuoteMailbox
from tests.streaming.stage import an_instrument
from tests.support.clock import FixedClock

NIFTY = replace(an_instrument("NIFTY 50"), kind=InstrumentKind.INDEX)
NEAR, FAR = date(2026, 11, 26), date(2026, 12, 29)
RATE = 0.065
VOLATILITY = 0.14
STRIKES = [float(strike) for strike in range(24_000, 25_050, 50)]


def derivative(kind: InstrumentKind, expiry: date, strike: float | None = None) -> Instrument:
    """A future or option on the NIFTY."""
    symbol = f"NIFTY{expiry:%y%m%d}{'' if strike is None else int(strike)}{kind}"
    row = an_instrument(symbol)
    return replace(
        row, id=f"NFO:{symbol}", exchange=Exchange.NFO, kind=kind, expiry=expiry, strike=strike, underlying_id=NIFTY.id
    )


def options(expiry: date) -> list[Instrument]:
    """A call and a put of every strike."""
    return [
        derivative(kind, expiry, strike) for strike in STRIKES for kind in (InstrumentKind.CALL, InstrumentKind.PUT)
    ]


class Market:
    """A master and its prices, by the model at VOLATILITY unless a test says otherwise."""

    def __init__(self, *, spot: float | None = 24_510.0, future: float | None = 24_560.0) -> None:
        self.clock = FixedClock()
        self.future = derivative(InstrumentKind.FUTURE, FAR)
        self.listed = [self.future, *options(NEAR), *options(FAR)]
        self.quoted: dict[str, Quote] = {}
        self.asked: list[int] = []
        self.errors: dict[str, MarketDataError] = {}
        self.stale: set[str] = set()
        self.closed: Collection[str] = ()
        self.streamed: set[str] = set()
        """What quotes come from the stream of."""
        self.held: list[set[str]] = []
        """What the live chains hold in the stream, by the order in which they began to."""
        self.box: QuoteMailbox | None = None
        self.ready = asyncio.Event()
        self.ready.set()
        for instrument, price in ((NIFTY, spot), (self.future, future)):
            if price is not None:
                self.put(instrument, price)
        self.chains = OptionChains(self, self, self.freshness, self.clock, self, rate=RATE)

    def put(self, instrument: Instrument, price: float, *, interest: int | None = None) -> None:
        """A price of this moment."""
        now = self.clock.now()
        self.quoted[instrument.id] = Quote(
            instrument.id, price, DataSource.SANDBOX, now, last_trade_time=now, open_interest=interest
        )

    def price_options(self, expiry: date, forward: float) -> None:
        """Every option of an expiry, by the model."""
        terms = Terms(forward, (expires_at(expiry) - self.clock.now()) / timedelta(days=365), RATE)
        rows = options(expiry)
        strikes = np.array([row.strike for row in rows])
        calls = np.array([row.kind is InstrumentKind.CALL for row in rows])
        worth = prices(terms, strikes, calls, np.full(len(rows), VOLATILITY))
        for number, (row, price) in enumerate(zip(rows, worth.tolist(), strict=True)):
            self.put(row, price, interest=100 + number)

    def require(self, instrument_id: str) -> Instrument:
        """The underlying."""
        assert instrument_id == NIFTY.id
        return NIFTY

    def derivatives_of(self, underlying_id: str) -> list[Instrument]:
        """All that is listed."""
        assert underlying_id == NIFTY.id
        return self.listed

    def freshness(self, quote: Quote, instrument: Instrument) -> Freshness:
        """STALE or CLOSED where a test says so."""
        assert quote.id == instrument.id
        if quote.id in self.closed:
            return Freshness.CLOSED
        return Freshness.STALE if quote.id in self.stale else Freshness.LIVE

    @contextmanager
    def quote_stream(self, instruments: Sequence[Instrument], mode: StreamMode) -> Iterator[QuoteMailbox]:
        """A mailbox; what it was opened for is held until it is closed."""
        ids = {each.id for each in instruments}
        self.held.append(ids)
        self.box = QuoteMailbox(mode, FeedState.LIVE, {})
        try:
            yield self.box
        finally:
            self.held.remove(ids)

    async def quotes(
        self, instruments: Sequence[Instrument], *, max_age: timedelta | None, cost: Cost
    ) -> Mapping[str, Quote | MarketDataError]:
        """What was put, else an error."""
        assert max_age is None
        self.asked.append(len(instruments))
        streamed = sum(each.id in self.streamed for each in instruments)
        cost.from_stream += streamed
        cost.upstream_calls += streamed < len(instruments)
        return {
            each.id: self.errors.get(each.id) or self.quoted.get(each.id) or NotPriced("no trade")
            for each in instruments
        }

    async def chain(self, expiry: date | None = None, each_side: int = 5) -> OptionChain:
        """The chain."""
        return await self.chains.chain(NIFTY.id, expiry=expiry, strikes_each_side=each_side, cost=Cost())
