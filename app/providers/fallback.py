"""Sources in an order: the first that can answers, and the answer says why it was not the one before.

Comes in: any number of sources of one capability, each behind its breaker. Goes out: what satisfies the same port. What
an instrument's own first choice is depends on the instrument: a source that does not carry it is not asked, and is no
reason. Called by the services; joined by the runtime.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Generic, TypeVar

import anyio

from app.domain.candles import Candle, CandleRange, Interval
from app.domain.errors import MarketDataError, NotPriced, NotSupported, SourceError, SourceTimeout
from app.domain.instruments import Instrument
from app.domain.provenance import DataSource
from app.domain.quotes import Quote
from app.domain.spending import requests_spent
from app.ports import CandleSource, QuoteBatch, QuoteSource
from app.providers.breaker import Breaker

S = TypeVar("S")
A = TypeVar("A")

PATIENCE = 3.0
"""Seconds for a source that has another behind it: a caller waits 8, and the next one needs its share."""


@dataclass(frozen=True, slots=True)
class Link(Generic[S]):
    """One source in its place."""

    name: DataSource
    """What messages call it: KITE or YAHOO, also where both are simulated."""
    source: S
    breaker: Breaker
    carries: Callable[[Instrument], bool]
    """Whether the source has this instrument at all."""

    async def ask(self, call: Callable[[S], Awaitable[A]], *, within: float | None) -> A:
        """The source's answer. Raises SourceError at once while its circuit is open; SourceTimeout after `within`."""
        refusal = self.breaker.refusal()
        if refusal is not None:
            refusal.is_remembered = True
            # The same error again and again: each raise would add to its traceback, as long as the outage lasts.
            raise refusal.with_traceback(None)
        try:
            with anyio.fail_after(within):
                answer = await call(self.source)
        except TimeoutError:
            limit = "in time" if within is None else f"within {within:g} s"
            error = SourceTimeout(f"{self.name} did not answer {limit}")
            self.breaker.failed(error)
            raise error from None
        except SourceError as error:
            self.breaker.failed(error)
            raise
        except NotPriced:
            self.breaker.succeeded()
            raise
        except BaseException:
            self.breaker.given_up()
            raise
        self.breaker.succeeded()
        return answer


class GuardedCandles:
    """A CandleSource behind its breaker: while the circuit is open nothing is sent."""

    def __init__(self, link: Link[CandleSource]) -> None:
        self.source = link.source.source
        self._link = link

    def longest_span(self, interval: Interval) -> timedelta | None:
        """As the source has it."""
        return self._link.source.longest_span(interval)

    async def candles(self, instrument: Instrument, interval: Interval, span: CandleRange) -> list[Candle]:
        """As the source has them. Raises the last failure at once while the circuit is open."""
        return await self._link.ask(lambda source: source.candles(instrument, interval, span), within=None)


class FallbackQuotes:
    """A QuoteSource made of several. Instruments without a price at a source that answered are not asked elsewhere."""

    def __init__(self, links: Sequence[Link[QuoteSource]], *, patience: float = PATIENCE) -> None:
        """`links`: the first choice first, at least one."""
        self.source = links[0].source.source
        self._links = links
        self._patience = patience

    @property
    def lanes(self) -> int:
        """How many sources there are."""
        return len(self._links)

    def lane_of(self, instrument: Instrument) -> int:
        """The place of the source that an instrument may wait for: the first that carries it and is worth asking.

        0 where there is none. A source that is certain to refuse costs no time: what falls through it shares the call
        of the next one.
        """
        hopeful = (
            place for place, link in enumerate(self._links) if not link.breaker.is_hopeless and link.carries(instrument)
        )
        return next(hopeful, 0)

    async def quotes(self, instruments: Sequence[Instrument]) -> QuoteBatch:
        """A quote from the first source that can, labelled with the reason if it was not the instrument's first.

        Raises the error if it is one and the same for all instruments. An instrument that no source carries
        has NotSupported.
        """
        state = _Round(instruments, [link.name for link in self._links])
        for place, link in enumerate(self._links):
            wanted = state.wanted(link)
            if wanted:
                within = self._patience if place + 1 < len(self._links) else None
                await self._ask(link, wanted, state, within)
        return state.batch()

    async def _ask(
        self, link: Link[QuoteSource], wanted: Sequence[Instrument], state: "_Round", within: float | None
    ) -> None:
        try:
            answer = await link.ask(lambda source: source.quotes(wanted), within=within)
        except MarketDataError as error:
            # Also what is no failure of the source, as another currency, is said of these instruments alone.
            state.calls += requests_spent(error)
            state.failed(link.name, {instrument.id: error for instrument in wanted})
        else:
            state.answered(link.name, wanted, answer)


class _Round:
    """What is known while the sources are asked one after the other."""

    def __init__(self, instruments: Sequence[Instrument], names: Sequence[DataSource]) -> None:
        self._names = names
        self._open = {instrument.id: instrument for instrument in instruments}
        self._asked: set[str] = set()
        self._quotes: dict[str, Quote] = {}
        self._errors: dict[str, MarketDataError] = {}
        self._reasons: dict[str, str] = {}
        self.calls = 0
        self._was_answered = False

    def wanted(self, link: Link[QuoteSource]) -> list[Instrument]:
        return [instrument for instrument in self._open.values() if link.carries(instrument)]

    def failed(self, name: DataSource, errors: dict[str, MarketDataError]) -> None:
        for key, error in errors.items():
            self._asked.add(key)
            self._errors.setdefault(key, error)
            reason = f"{name}: {error.code}: {error.message}"
            self._reasons[key] = f"{self._reasons[key]}; {reason}" if key in self._reasons else reason

    def answered(self, name: DataSource, wanted: Sequence[Instrument], answer: QuoteBatch) -> None:
        self.calls += answer.upstream_calls
        self._was_answered = True
        for instrument in wanted:
            key = instrument.id
            if key in answer.errors:
                continue
            quote = answer.quotes.get(key)
            if quote is not None:
                reason = self._reasons.get(key)
                self._quotes[key] = quote if reason is None else replace(quote, fallback_reason=reason)
            self._asked.add(key)
            self._errors.pop(key, None)
            del self._open[key]
        self.failed(name, {key: error for key, error in answer.errors.items() if key in self._open})

    def batch(self) -> QuoteBatch:
        uncarried = [key for key in self._open if key not in self._asked]
        reasons = {id(error): error for error in self._errors.values()}
        if len(reasons) == 1 and not self._was_answered and not uncarried:
            raise next(iter(reasons.values()))
        for key in uncarried:
            self._errors[key] = NotSupported(_lacking(self._names, key))
        return QuoteBatch(self._quotes, self._errors, self.calls)


def _lacking(names: Sequence[DataSource], key: str) -> str:
    return f"{names[0]} has no {key}" if len(names) == 1 else f"neither {' nor '.join(names)} has {key}"
