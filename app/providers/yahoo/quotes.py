"""Prices on request, from Yahoo's v7 quotes. Comes in: instruments. Goes out: quotes by instrument id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import anyio

from app.domain.errors import InvalidInput, MarketDataError
from app.domain.instruments import Instrument
from app.domain.quotes import Quote
from app.ports import QuoteBatch
from app.providers.yahoo.client import YahooClient
from app.providers.yahoo.currencies import LearnedCurrencies
from app.providers.yahoo.limits import Endpoint
from app.providers.yahoo.parse import ParsedQuotes, parse_quotes
from app.providers.yahoo.symbols import by_symbol, cut_to_requests

PATH = "/v7/finance/quote"


@dataclass(slots=True)
class _Answers:
    """What the requests of one batch brought so far."""

    quotes: dict[str, Quote] = field(default_factory=dict)
    errors: dict[str, MarketDataError] = field(default_factory=dict)
    sent: int = 0

    def count(self, requests: int) -> None:
        self.sent += requests


class YahooQuotes:
    """Quotes without depth; satisfies `ports.QuoteSource`. Each request of up to 90 symbols costs a unit of budget."""

    def __init__(self, client: YahooClient, currencies: LearnedCurrencies) -> None:
        self.source = client.config.source
        self._client = client
        self._currencies = currencies

    async def quotes(self, instruments: Sequence[Instrument]) -> QuoteBatch:
        """Any number of instruments. What Yahoo does not know or never priced is in neither mapping.

        An instrument that Yahoo cannot have (NotSupported), has in another currency (NotPriced), whose answer is
        garbage, or whose request failed while others succeeded, has an error of its own. `upstream_calls` counts
        also what a new cookie and crumb took. Raises the first error if there is no answer at all; InvalidInput for
        no instruments.
        """
        if not instruments:
            msg = "no instruments were asked for; name at least one"
            raise InvalidInput(msg)
        asked, without = by_symbol(instruments)
        answers = _Answers(errors=dict(without))
        async with anyio.create_task_group() as group:
            for symbols in cut_to_requests(list(asked)):
                group.start_soon(self._ask, {symbol: asked[symbol] for symbol in symbols}, answers)
        if len(answers.errors) == len({instrument.id for instrument in instruments}):
            raise next(iter(answers.errors.values()))
        return QuoteBatch(answers.quotes, answers.errors, answers.sent)

    async def _ask(self, asked: Mapping[str, tuple[Instrument, ...]], answers: _Answers) -> None:
        """One request. Its failure becomes the error of its instruments, and stops no other request."""

        def parse(body: bytes) -> ParsedQuotes:
            return parse_quotes(body, asked, source=self.source, received_at=self._client.clock.now())

        params = {"symbols": ",".join(asked), "formatted": "false", "lang": "en-US", "region": "US"}
        try:
            parsed = await self._client.fetch(Endpoint.QUOTE, PATH, params, parse, on_send=answers.count)
        except MarketDataError as error:
            behind = (instrument for instruments in asked.values() for instrument in instruments)
            answers.errors.update({instrument.id: error for instrument in behind})
        else:
            answers.quotes.update(parsed.quotes)
            answers.errors.update(parsed.errors)
            self._currencies.learn_all(parsed.currencies)
