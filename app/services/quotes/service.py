"""Quotes on request: from the stream, from memory, or from an upstream call that many share.

Comes in: instruments, the caller's limit on age, and the operation's cost. Goes out: a quote or an error
for each. Called by the loaders of GraphQL; the runtime owns `run()`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast

import anyio

from app.domain.errors import InvalidInput, MarketDataError, NotPriced, RateLimited, SourceTimeout
from app.domain.instruments import Instrument
from app.domain.provenance import Cost
from app.domain.quotes import Quote
from app.domain.time import ist_date
from app.ports import Clock, QuoteSource, QuoteStream
from app.services.quotes.batch import Batch
from app.services.quotes.batches import QuoteBatches
from app.services.quotes.memory import Answer, QuoteMemory

WINDOW = 0.010
"""Seconds in which all callers share one upstream call: too short to be felt, long enough for a page's queries."""
DEFAULT_MAX_AGE = timedelta(seconds=1)
"""Kite sells one request a second: a younger price is not to be had for all of them."""
RESTING_AGE = timedelta(seconds=5)
"""The same for what has no price, and for markets that are closed by their source's own word: neither changes soon, and
a page that shows them all night must not ask every second."""
LONGEST_MAX_AGE = timedelta(seconds=60)
"""A price older than a minute is nobody's present price, whatever the caller accepts."""
DEADLINE = 8.0
"""Seconds a caller waits: one request by kiteconnect may take 7, and people leave after 10."""
RENEW_SECONDS = 5.0
"""How often the stream is told what is still asked for: well below the time it keeps an instrument for that."""


def _forget(_: Sequence[Quote]) -> None:
    """The hook of those who remember nothing."""


def _only_lane(_: Instrument) -> int:
    """The rule of those who ask one source."""
    return 0


class QuoteService:
    """Answers each instrument from the first of: stream, memory, shared upstream call.

    At most one upstream call a lane at a time unless the source is slow; see QuoteBatches. Instruments of different
    lanes never wait for one another's call. Cancel-safe: a caller that leaves cancels nobody's call. For the event loop
    alone; what needs a call waits unless `run()` runs.
    """

    def __init__(  # noqa: PLR0913 - what is chosen of a service, by keyword
        self,
        source: QuoteSource,
        stream: QuoteStream,
        clock: Clock,
        *,
        window: float = WINDOW,
        deadline: float = DEADLINE,
        remember: Callable[[Sequence[Quote]], None] = _forget,
        lanes: int = 1,
        lane_of: Callable[[Instrument], int] = _only_lane,
    ) -> None:
        """`lane_of`: which of the lanes, from 0 on, an instrument is asked for in."""
        self._source = source
        self._stream = stream
        self._clock = clock
        self._deadline = deadline
        self._remember = remember
        self._memory = QuoteMemory()
        self._streamed: dict[str, Instrument] = {}
        """Answered from the stream since it was last told; bounded by what it carries."""
        self._lanes = [QuoteBatches(source, window=window, answered=self._keep) for _ in range(lanes)]
        self._lane_of = lane_of

    async def run(self) -> None:
        """Carry the upstream calls, and keep what is asked for in the stream, until cancelled."""
        async with anyio.create_task_group() as tasks:
            for lane in self._lanes:
                tasks.start_soon(lane.run)
            tasks.start_soon(self._renew)

    async def quotes(
        self, instruments: Sequence[Instrument], *, max_age: timedelta | None, cost: Cost
    ) -> dict[str, Quote | MarketDataError]:
        """A quote or an error for each id.

        `max_age`: a remembered price must be younger; None is 1 s, or 5 s where nothing can have changed; more than
        60 s counts as 60 s. A streamed price is the present one at any age. `cost` grows by what this took. Raises
        InvalidInput for a negative age.
        """
        limit = _limit(max_age)
        answers = self.at_hand(instruments, max_age=max_age, cost=cost)
        missing = {item.id: item for item in instruments if answers[item.id] is None}
        if missing:
            answers.update(await self._ask(missing, limit, cost))
        return cast("dict[str, Quote | MarketDataError]", answers)

    def at_hand(
        self, instruments: Sequence[Instrument], *, max_age: timedelta | None, cost: Cost
    ) -> dict[str, Quote | MarketDataError | None]:
        """What `quotes` would answer without a call, at once; None where it takes one.

        `cost` grows by what was answered. Raises as `quotes`.
        """
        _limit(max_age)
        wanted = {instrument.id: instrument for instrument in instruments}
        answers: dict[str, Quote | MarketDataError | None]
        answers = dict(zip(wanted, self._stream.latest_of(wanted), strict=True))
        if not all(answers.values()):
            missing = {key: wanted.pop(key) for key, quote in answers.items() if quote is None}
            self._answer_from_memory(missing, max_age, answers, cost)
        cost.from_stream += len(wanted)
        self._streamed.update(wanted)
        return answers

    def _answer_from_memory(
        self,
        wanted: Mapping[str, Instrument],
        max_age: timedelta | None,
        answers: dict[str, Quote | MarketDataError | None],
        cost: Cost,
    ) -> None:
        now, limit = self._clock.now(), _limit(max_age)
        resting = RESTING_AGE if max_age is None else limit
        for key, instrument in wanted.items():
            known = self._memory.younger_than(key, resting, now)
            if known is None or (now - known.at >= limit and not known.is_resting):
                answers[key] = _expired(instrument, now)
            elif isinstance(known.said, NotPriced):
                answers[key] = NotPriced(known.said.message)
            else:
                answers[key] = known.said
                cost.from_cache += 1

    async def _ask(
        self, wanted: dict[str, Instrument], limit: timedelta, cost: Cost
    ) -> dict[str, Quote | MarketDataError]:
        """One answer for each, at the deadline at the latest."""
        answers: dict[str, Quote | MarketDataError] = {}
        joined: dict[tuple[QuoteBatches, Batch], list[str]] = {}
        try:
            for key, instrument in wanted.items():
                lane = self._lanes[self._lane_of(instrument)]
                try:
                    joined.setdefault((lane, lane.join(instrument, limit.total_seconds())), []).append(key)
                except RateLimited as error:
                    answers[key] = error
            with anyio.move_on_after(self._deadline):
                for _, batch in joined:
                    await batch.done.wait()
            for (_, batch), keys in joined.items():
                batch.charge(cost)
                answers.update((key, batch.answers.get(key) or self._too_late(key)) for key in keys)
        finally:
            for (lane, batch), keys in joined.items():
                lane.leave(batch, keys)
        return answers

    def _too_late(self, instrument_id: str) -> SourceTimeout:
        # Who was asked, or whether anybody was, is not known here: the call is still out, or waits for its turn.
        return SourceTimeout(f"{instrument_id} was not priced within {self._deadline:g} s; ask again")

    async def _renew(self) -> None:
        while True:
            await anyio.sleep(RENEW_SECONDS)
            streamed, self._streamed = self._streamed, {}
            if streamed:
                self._stream.keep_hot(list(streamed.values()))

    def _keep(self, batch: Batch) -> None:
        """After an upstream call: remember its answers, and let the stream carry what it priced."""
        now = self._clock.now()
        priced: list[Quote] = []
        for key, answer in batch.answers.items():
            if isinstance(answer, Quote):
                self._memory.put(key, Answer(answer.received_at, answer))
                priced.append(answer)
            elif isinstance(answer, NotPriced):
                self._memory.put(key, Answer(now, answer))
        if priced:
            self._remember(priced)
            self._stream.keep_hot([batch.instruments[quote.id] for quote in priced])


def _limit(max_age: timedelta | None) -> timedelta:
    if max_age is None:
        return DEFAULT_MAX_AGE
    if max_age < timedelta():
        msg = f"the age limit is {max_age.total_seconds():g} s; it must be 0 or more"
        raise InvalidInput(msg)
    return min(max_age, LONGEST_MAX_AGE)


def _expired(instrument: Instrument, now: datetime) -> NotPriced | None:
    """Why an instrument whose last day is over has no price; None for all others."""
    if instrument.expiry is None or instrument.expiry >= ist_date(now):
        return None
    return NotPriced(f"{instrument.id} expired on {instrument.expiry}: it has no price any more")
