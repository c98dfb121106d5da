"""Yahoo Finance, joined: everything that the runtime takes from this provider but the stream."""

from dataclasses import dataclass

from app.ports import Clock, RequestBudgets
from app.providers.yahoo.candles import YahooCandles
from app.providers.yahoo.client import OnCall, YahooClient, no_observer
from app.providers.yahoo.config import YahooConfig
from app.providers.yahoo.currencies import LearnedCurrencies
from app.providers.yahoo.fundamentals import YahooFundamentals
from app.providers.yahoo.limits import yahoo_budgets
from app.providers.yahoo.quotes import YahooQuotes


@dataclass(frozen=True, slots=True)
class Yahoo:
    """Sources that share a client, its cookie and its budgets."""

    budgets: RequestBudgets
    quotes: YahooQuotes
    candles: YahooCandles
    fundamentals: YahooFundamentals
    currencies: LearnedCurrencies
    """What its own symbols are quoted in, as far as its answers told."""
    client: YahooClient

    def close(self) -> None:
        """Close idle connections; to be called at the end of the runtime."""
        self.client.close()


def build_yahoo(
    config: YahooConfig,
    *,
    clock: Clock,
    budgets: RequestBudgets | None = None,
    on_call: OnCall = no_observer,
) -> Yahoo:
    """The provider. Sends nothing and imports nothing of the vendor's; `budgets` starts with our own limits."""
    budgets = budgets or yahoo_budgets(clock)
    client = YahooClient(config, budgets=budgets, clock=clock, on_call=on_call)
    currencies = LearnedCurrencies()
    return Yahoo(
        budgets=budgets,
        quotes=YahooQuotes(client, currencies),
        candles=YahooCandles(client),
        fundamentals=YahooFundamentals(client, currencies),
        currencies=currencies,
        client=client,
    )
