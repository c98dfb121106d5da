"""The sources of a service, joined: Kite and Yahoo behind their breakers, in the order that the settings say.

Settings come in; the runtime takes what satisfies its ports, and shows the breakers. Nothing is sent here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.domain.errors import NotSupported
from app.domain.feeds import BreakerStatus
from app.domain.fundamentals import Fundamentals
from app.domain.instruments import Exchange, Instrument
from app.domain.provenance import DataSource
from app.ports import CandleSource, Clock, FundamentalsSource, QuoteSource, TickSource
from app.providers.breaker import Breaker
from app.providers.fallback import FallbackQuotes, GuardedCandles, Link
from app.providers.fallback_ticks import FallbackTicks, Stream
from app.providers.kite.adapter import Kite
from app.providers.yahoo.adapter import Yahoo
from app.providers.yahoo.stream import YahooTicker
from app.providers.yahoo.symbols import is_on_yahoo
from app.settings import Settings

QUOTES, CANDLES, FUNDAMENTALS = "quotes", "candles", "fundamentals"


def is_on_kite(instrument: Instrument) -> bool:
    """Whether Kite has it: everything of its master, and nothing of Yahoo's own."""
    return instrument.exchange is not Exchange.YAHOO


@dataclass(frozen=True, slots=True)
class Sources:
    """What the runtime takes from the sources."""

    quotes: FallbackQuotes
    """By fallback, in the order of QUOTE_SOURCES."""
    quotes_of: Mapping[DataSource, QuoteSource]
    """Each source alone, by its name."""
    candles: Mapping[DataSource, tuple[CandleSource, Callable[[Instrument], bool]]]
    """In the order of CANDLE_SOURCES, with what each carries."""
    ticks: TickSource | None
    """Kite's stream, or both as one; None without any source."""
    streams: FallbackTicks | None
    """Both streams as one; None without Yahoo."""
    breakers: Mapping[DataSource, Mapping[str, Breaker]]
    """By source and capability."""
    fundamentals_link: Link[FundamentalsSource] | None

    async def fundamentals(self, instrument: Instrument) -> Fundamentals:
        """Yahoo's fundamentals. Raises NotSupported without Yahoo, and as the source does."""
        link = self.fundamentals_link
        if link is None or not link.carries(instrument):
            msg = f"no source that is configured has fundamentals of {instrument.id}"
            raise NotSupported(msg)
        return await link.ask(lambda source: source.fundamentals(instrument), within=None)

    def breaker_states(self, source: DataSource) -> tuple[BreakerStatus, ...]:
        """The circuits of a source, by its name."""
        return tuple(breaker.status(name) for name, breaker in self.breakers.get(source, {}).items())


def join_sources(  # noqa: PLR0913 - the parts of both sources, by keyword
    settings: Settings,
    *,
    kite: Kite,
    kite_ticks: TickSource | None,
    yahoo: Yahoo | None,
    yahoo_ticks: YahooTicker | None,
    clock: Clock,
    on_change: Callable[[], None],
) -> Sources:
    """Every capability from the sources that are configured. `on_change`: a circuit opened or closed."""

    def breaker() -> Breaker:
        return Breaker(clock, on_change=on_change)

    breakers = {DataSource.KITE: {QUOTES: breaker(), CANDLES: breaker()}}
    quotes: dict[DataSource, Link[QuoteSource]] = {
        DataSource.KITE: Link(
            DataSource.KITE,
            kite.quotes,
            breakers[DataSource.KITE][QUOTES],
            is_on_kite,
            has_session=lambda: kite.tokens.token is not None,
        )
    }
    candles: dict[DataSource, Link[CandleSource]] = {
        DataSource.KITE: Link(DataSource.KITE, kite.candles, breakers[DataSource.KITE][CANDLES], is_on_kite)
    }
    fundamentals: Link[FundamentalsSource] | None = None
    if yahoo is not None:
        name = DataSource.YAHOO
        breakers[name] = {QUOTES: breaker(), CANDLES: breaker(), FUNDAMENTALS: breaker()}
        quotes[name] = Link(name, yahoo.quotes, breakers[name][QUOTES], is_on_yahoo)
        candles[name] = Link(name, yahoo.candles, breakers[name][CANDLES], is_on_yahoo)
        fundamentals = Link(name, yahoo.fundamentals, breakers[name][FUNDAMENTALS], is_on_yahoo)
    streams = None if yahoo_ticks is None else _streams(kite_ticks, yahoo_ticks, clock)
    return Sources(
        quotes=FallbackQuotes([quotes[each] for each in settings.quote_sources if each in quotes]),
        quotes_of={each: FallbackQuotes([link]) for each, link in quotes.items()},
        candles={
            each: (GuardedCandles(candles[each]), candles[each].carries)
            for each in settings.candle_sources
            if each in candles
        },
        ticks=streams or kite_ticks,
        streams=streams,
        breakers=breakers,
        fundamentals_link=fundamentals,
    )


def _streams(kite: TickSource | None, yahoo: TickSource, clock: Clock) -> FallbackTicks:
    first, second = Stream(DataSource.KITE, kite, is_on_kite), Stream(DataSource.YAHOO, yahoo, is_on_yahoo)
    return FallbackTicks(first, second, clock=clock)
