"""Sources in an order: the first that can answers, and the answer says why it was not the one before.

Comes in: any number of sources of one capability, each behind its breaker. Goes out: what satisfies the same port. What
an instrument's own first choice is depends on the instrument: a source that does not carry it is not asked, and is no
reason. Called by the services; joined by the runtime.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from math import inf
from typing import Generic, TypeVar

import anyio

from app.domain.candles import Candle, CandleRange, Interval
from app.domain.errors import MarketDataError, NotSupported, RateLimited, SourceError, SourceTimeout
from app.domain.instruments import Instrument
from app.domain.provenance import DataSource
from app.domain.quotes import Quote, no_price_at
from app.domain.spending import Spending, counted_requests, requests_spent
from app.ports import CandleSource, QuoteBatch, QuoteSource
from app.providers.breaker import Breaker

S = TypeVar("S")
A = TypeVar("A")

PATIENCE = 3.0
"""Seconds for a source that has another behind it: a caller waits 8, and the next one needs its share."""
TURN = 2.0
"""Seconds that such a question waits in our own budget's queue. They come before the PATIENCE, and are not the source's
fault."""
LONGEST = 6.0
"""Seconds for a source where some of what one call asks for has no other: the call goes on for these, while the rest is
asked for elsewhere; all are answered together, before the first caller leaves."""


def _always() -> bool:
    """The rule of those who need no login."""
    return True


@dataclass(frozen=True, slots=True)
class Link(Generic[S]):
    """One source in its place."""

    name: DataSource
    """What messages call it: KITE or YAHOO, also where both are simulated."""
    source: S
    breaker: Breaker
    carries: Callable[[Instrument], bool]
    """Whether the source has this instrument at all."""
    has_session: Callable[[], bool] = _always
    """Whether it may be asked at all, as far as is known without asking."""

    @property
    def is_hopeless(self) -> bool:
        """Whether it would refuse whatever it is asked now, at once."""
        return self.breaker.is_hopeless or not self.has_session()

    async def ask(
        self, call: Callable[[S], Awaitable[A]], *, within: float | None, turn: float = inf, has_other: bool = False
    ) -> A:
        """The source's answer. Raises SourceError at once while its circuit is open.

        Raises SourceTimeout where the source owes an answer for longer than `within` seconds, and RateLimited, which
        says nothing of the source, where our own budget lets nothing out for `turn` seconds. An error tells the
        requests that it took. `has_other`: the caller goes elsewhere then. A circuit that such impatience opened is
        open to such callers alone.
        """
        slow = None if has_other else self.breaker.too_slow_for
        refusal = None if slow else self.breaker.refusal()
        if refusal is not None:
            refusal.requests_sent = 0
            # The same error again and again: each raise would add to its traceback, as long as the outage lasts.
            raise refusal.with_traceback(None)
        begun = anyio.current_time()
        with counted_requests() as spending:
            try:
                answer = await self._answer(call, spending, within, turn)
            except SourceError as error:
                error.requests_sent = spending.requests
                self.breaker.failed(error, patience=within if has_other and spending.was_left_waiting else None)
                raise
            except MarketDataError as error:
                # That it has no price, or not such a range, is the source's answer if it was asked.
                error.requests_sent = spending.requests
                self._end(slow, begun, answered=spending.requests > 0)
                raise
            except BaseException:
                self._end(slow, begun, answered=False)
                raise
        self._end(slow, begun, answered=True)
        return answer

    def _end(self, slow: float | None, begun: float, *, answered: bool) -> None:
        """A call past an open circuit changes it only by an answer that is quick enough for those who have another."""
        if slow is None and not answered:
            self.breaker.given_up()
        elif answered and (slow is None or anyio.current_time() - begun < slow):
            self.breaker.succeeded()

    async def _answer(
        self, call: Callable[[S], Awaitable[A]], spending: Spending, within: float | None, turn: float
    ) -> A:
        """Each request that goes out has all of `within`: what our own budget held back is no fault of the source."""
        with anyio.CancelScope() as scope:
            if within is not None:
                scope.deadline = anyio.current_time() + turn
                spending.on_send = partial(_put_off, scope, within)
            try:
                return await call(self.source)
            except TimeoutError:
                raise SourceTimeout(f"{self.name} did not answer in time") from None
        if spending.was_left_waiting:
            raise SourceTimeout(f"{self.name} did not answer within {within:g} s")
        msg = f"our own budget of requests to {self.name} is spent for the next seconds; ask again, or for less"
        error = RateLimited(msg, retry_after_ms=round(1000 * turn))
        error.is_our_own = True
        raise error


def _put_off(scope: anyio.CancelScope, seconds: float) -> None:
    scope.deadline = anyio.current_time() + seconds


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
    """A QuoteSource made of several. Instruments without a price at a source that answered are not asked elsewhere.

    A source has `patience` for what another one has too. What it alone has is asked for in the same call, which goes on
    after that: two calls would cost two requests, of which Kite sells one a second.
    """

    def __init__(
        self,
        links: Sequence[Link[QuoteSource]],
        *,
        patience: float = PATIENCE,
        turn: float = TURN,
        longest: float = LONGEST,
    ) -> None:
        """`links`: the first choice first, at least one."""
        self.source = links[0].source.source
        self._links = links
        self._patience, self._turn, self._longest = patience, turn, longest

    @property
    def lanes(self) -> int:
        """How many sources there are."""
        return len(self._links)

    def lane_of(self, instrument: Instrument) -> int:
        """The place of the source that an instrument may wait for: the first that carries it and is worth asking.

        0 where there is none. A source that is certain to refuse costs no time: what falls through it shares the call
        of the next one.
        """
        hopeful = (place for place, link in enumerate(self._links) if not link.is_hopeless and link.carries(instrument))
        return next(hopeful, 0)

    async def quotes(self, instruments: Sequence[Instrument]) -> QuoteBatch:
        """A quote from the first source that can, labelled with the reason if it was not the instrument's first.

        Raises the error if it is one and the same for all instruments. An instrument that no source carries
        has NotSupported.
        """
        state = _Round(instruments, [link.name for link in self._links])
        await self._ask_along(self._links, state, instruments)
        return state.batch()

    async def _ask_along(
        self, links: Sequence[Link[QuoteSource]], state: "_Round", instruments: Sequence[Instrument]
    ) -> None:
        """One source after the other, for what is still without an answer."""
        for place, link in enumerate(links):
            wanted, later = state.wanted(link, instruments), links[place + 1 :]
            alone = [each for each in wanted if not any(other.carries(each) for other in later)]
            if wanted and len(alone) == len(wanted):
                await self._ask(link, wanted, state, None)
            elif wanted and not alone:
                await self._ask(link, wanted, state, self._patience, self._turn, has_other=True)
            elif wanted:
                its_own = {each.id for each in alone}
                others = [each for each in instruments if each.id not in its_own]
                await self._ask_both(link, wanted, state, partial(self._ask_along, later, state, others))

    async def _ask_both(
        self,
        link: Link[QuoteSource],
        wanted: Sequence[Instrument],
        state: "_Round",
        ask_others: Callable[[], Awaitable[None]],
    ) -> None:
        """One call. After the patience the others are asked for what they have too; who answers first is believed."""
        ended = anyio.Event()

        async def ask() -> None:
            await self._ask(link, wanted, state, self._longest)
            ended.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            with anyio.move_on_after(self._patience) as pause:
                await ended.wait()
            if pause.cancelled_caught:
                late = SourceTimeout(f"{link.name} did not answer within {self._patience:g} s")
                state.failed(link.name, {instrument.id: late for instrument in wanted})
                await ask_others()

    async def _ask(
        self,
        link: Link[QuoteSource],
        wanted: Sequence[Instrument],
        state: "_Round",
        within: float | None,
        turn: float = inf,
        *,
        has_other: bool = False,
    ) -> None:
        try:
            answer = await link.ask(lambda source: source.quotes(wanted), within=within, turn=turn, has_other=has_other)
        except MarketDataError as error:
            # Also what is no failure of the source, as another currency, is said of these instruments alone.
            state.calls += requests_spent(error)
            state.failed(link.name, {instrument.id: error for instrument in wanted})
        else:
            state.answered(link.name, wanted, answer)


class _Round:
    """What is known while the sources are asked. The first that answers for an instrument is believed."""

    def __init__(self, instruments: Sequence[Instrument], names: Sequence[DataSource]) -> None:
        self._names = names
        self._open = {instrument.id: instrument for instrument in instruments}
        self._quotes: dict[str, Quote] = {}
        self._failures: dict[str, dict[DataSource, MarketDataError]] = {}
        """By instrument; in the order of `names`, since no source fails before those that come earlier."""
        self._unpriced: dict[str, MarketDataError] = {}
        self.calls = 0
        self._was_answered = False

    def wanted(self, link: Link[QuoteSource], among: Sequence[Instrument]) -> list[Instrument]:
        """What a source is yet to be asked for: it has no answer, and this one did not fail to give it."""
        return [
            each
            for each in {each.id: each for each in among if each.id in self._open}.values()
            if link.carries(each) and link.name not in self._failures.get(each.id, ())
        ]

    def failed(self, name: DataSource, errors: Mapping[str, MarketDataError]) -> None:
        for key, error in errors.items():
            if key in self._open:
                self._failures.setdefault(key, {})[name] = error

    def answered(self, name: DataSource, wanted: Sequence[Instrument], answer: QuoteBatch) -> None:
        self.calls += answer.upstream_calls
        self._was_answered = True
        self.failed(name, answer.errors)
        for key in {each.id for each in wanted} & self._open.keys() - answer.errors.keys():
            quote = answer.quotes.get(key)
            if quote is None:
                self._unpriced[key] = no_price_at(name, key)
            else:
                reason = self._reason(name, key)
                self._quotes[key] = quote if reason is None else replace(quote, fallback_reason=reason)
            del self._open[key]

    def _reason(self, name: DataSource, key: str) -> str | None:
        """Why a source answers for an instrument, and none of those before it."""
        before = self._names[: self._names.index(name)]
        failures = self._failures.get(key, {}).items()
        reasons = [f"{source}: {error.code}: {error.message}" for source, error in failures if source in before]
        return "; ".join(reasons) or None

    def batch(self) -> QuoteBatch:
        failed = {key: next(iter(self._failures[key].values())) for key in self._open if key in self._failures}
        reasons = {id(error): error for error in failed.values()}
        if len(reasons) == 1 and not self._was_answered and len(failed) == len(self._open):
            error = next(iter(reasons.values()))
            error.requests_sent = self.calls
            raise error
        lacking = {key: NotSupported(_lacking(self._names, key)) for key in self._open if key not in failed}
        return QuoteBatch(self._quotes, {**self._unpriced, **failed, **lacking}, self.calls)


def _lacking(names: Sequence[DataSource], key: str) -> str:
    return f"{names[0]} has no {key}" if len(names) == 1 else f"neither {' nor '.join(names)} has {key}"
