"""Kite Connect, joined: everything that the runtime takes from this provider but the stream."""

from dataclasses import dataclass

from app.ports import Clock, RequestBudgets
from app.providers.kite.candles import KiteCandles
from app.providers.kite.client import KiteClient, OnCall, no_observer
from app.providers.kite.config import KiteConfig
from app.providers.kite.instruments import KiteInstruments
from app.providers.kite.limits import kite_budgets
from app.providers.kite.login import KiteLogin
from app.providers.kite.quotes import KiteQuotes
from app.providers.kite.session import KiteTokens


@dataclass(frozen=True, slots=True)
class Kite:
    """One Kite Connect app: sources that share a client, its token and its budgets."""

    tokens: KiteTokens
    budgets: RequestBudgets
    quotes: KiteQuotes
    candles: KiteCandles
    instruments: KiteInstruments
    login: KiteLogin
    client: KiteClient

    def close(self) -> None:
        """Close idle connections; to be called at the end of the runtime."""
        self.client.close()


def build_kite(
    config: KiteConfig,
    *,
    clock: Clock,
    tokens: KiteTokens | None = None,
    budgets: RequestBudgets | None = None,
    on_call: OnCall = no_observer,
) -> Kite:
    """The provider for one app. Sends nothing; `tokens` starts without a login, `budgets` with Kite's own limits."""
    tokens = tokens or KiteTokens()
    budgets = budgets or kite_budgets(clock)
    client = KiteClient(config, tokens=tokens, budgets=budgets, clock=clock, on_call=on_call)
    return Kite(
        tokens=tokens,
        budgets=budgets,
        quotes=KiteQuotes(client),
        candles=KiteCandles(client),
        instruments=KiteInstruments(client),
        login=KiteLogin(client),
        client=client,
    )
