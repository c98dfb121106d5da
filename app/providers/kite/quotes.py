"""Prices on request, from Kite's /quote. Comes in: instruments. Goes out: quotes by instrument id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import anyio

from app.domain.errors import InvalidInput, MarketDataError
from app.domain.instruments import Instrument
from app.domain.quotes import Quote
from app.domain.time import ist_date
from app.ports import QuoteBatch
from app.providers.kite.client import KiteClient
from app.providers.kite.limits import Endpoint
from app.providers.kite.parse import ParsedQuotes, parse_quotes
from app.providers.kite.symbols import cut_to_requests, quote_keys
from app.providers.kite.transport import KiteRest


@dataclass(slots=True)
class _Answers:
    """What the requests of one batch brought so far."""

    quotes: dict[str, Quote] = field(default_factory=dict)
    errors: dict[str, MarketDataError] = field(default_factory=dict)
    sent: int = 0

    def count(self) -> None:
        self.sent += 1


class KiteQuotes:
    """Full quotes; satisfies `ports.QuoteSource`. Each request of up to 500 instruments costs one unit of budget."""

    def __init__(self, client: KiteClient) -> None:
        self.source = client.config.source
        self._client = client

    async def quotes(self, instruments: Sequence[Instrument]) -> QuoteBatch:
        """Any number of instruments. What Kite does not know or never priced is in neither mapping.

        An instrument whose answer is garbage, or whose request failed while others succeeded, has an error of
        its own. Raises the first error if there is no answer at all; InvalidInput for no instruments.
        """
        if not instruments:
            msg = "no instruments were asked for; name at least one"
            raise InvalidInput(msg)
        today = ist_date(self._client.clock.now())
        requests = list(cut_to_requests(quote_keys(instruments, today=today)))
        answers = _Answers()
        async with anyio.create_task_group() as group:
            for asked in requests:
                group.start_soon(self._ask, asked, answers)
        if len(answers.errors) == sum(len(asked) for asked in requests):
            raise next(iter(answers.errors.values()))
        return QuoteBatch(answers.quotes, answers.errors, answers.sent)

    async def _ask(self, asked: Mapping[str, Instrument], answers: _Answers) -> None:
        """One request. Its failure becomes the error of its instruments, and stops no other request."""

        def fetch(kite: KiteRest) -> ParsedQuotes:
            data = kite.fetch("market.quote", {"i": list(asked)})
            return parse_quotes(data, asked, source=self.source, received_at=self._client.clock.now())

        try:
            parsed = await self._client.call(Endpoint.QUOTE, fetch, on_send=answers.count)
        except MarketDataError as error:
            answers.errors.update({instrument.id: error for instrument in asked.values()})
        else:
            answers.quotes.update(parsed.quotes)
            answers.errors.update(parsed.errors)
