"""Fundamentals on request, from Yahoo's v10 quoteSummary. Comes in: an instrument. Goes out: Fundamentals."""

from app.domain.errors import NotSupported
from app.domain.fundamentals import Fundamentals
from app.domain.instruments import Instrument, InstrumentKind
from app.providers.yahoo.client import YahooClient
from app.providers.yahoo.currencies import LearnedCurrencies
from app.providers.yahoo.limits import Endpoint
from app.providers.yahoo.parse import parse_fundamentals
from app.providers.yahoo.symbols import in_path, to_yahoo_symbol

MODULES = "summaryDetail,defaultKeyStatistics,assetProfile,price"
ASKED = frozenset({InstrumentKind.EQUITY, InstrumentKind.ETF, InstrumentKind.OTHER})
"""OTHER: while nobody has the instrument master, nobody knows what NSE:INFY is."""


class YahooFundamentals:
    """One instrument a request; satisfies `ports.FundamentalsSource`."""

    def __init__(self, client: YahooClient, currencies: LearnedCurrencies) -> None:
        self.source = client.config.source
        self._client = client
        self._currencies = currencies

    async def fundamentals(self, instrument: Instrument) -> Fundamentals:
        """What Yahoo knows beyond the price.

        Raises NotSupported for what is neither share nor fund, NotPriced if Yahoo does not know the instrument or has
        it in another currency, SourceError.
        """
        if instrument.kind not in ASKED:
            raise NotSupported(f"{instrument.id} is no share and no fund, so it has no fundamentals")
        symbol = to_yahoo_symbol(instrument)

        def parse(body: bytes) -> Fundamentals:
            return parse_fundamentals(body, instrument, source=self.source, received_at=self._client.clock.now())

        params = {"modules": MODULES, "formatted": "false", "symbol": symbol, "lang": "en-US", "region": "US"}
        path = f"/v10/finance/quoteSummary/{in_path(symbol)}"
        found = await self._client.fetch(Endpoint.SUMMARY, path, params, parse)
        self._currencies.learn(symbol, found.currency)
        return found
