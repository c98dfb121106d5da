"""A plain client of Yahoo's endpoints."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.sandbox import RunningSandbox, plain_client


@dataclass(slots=True)
class YahooClient:
    """An HTTP client with its cookie and its crumb."""

    http: httpx.AsyncClient
    crumb: str = ""

    async def renew(self) -> None:
        """Fetch the crumb of the cookie."""
        self.crumb = (await self.http.get("/v1/test/getcrumb")).text

    async def quote(self, *symbols: str) -> httpx.Response:
        """`/v7/finance/quote`."""
        return await self.http.get("/v7/finance/quote", params={"symbols": ",".join(symbols), "crumb": self.crumb})

    async def quotes(self, *symbols: str) -> dict[str, dict[str, Any]]:
        """The entries by symbol."""
        answer = (await self.quote(*symbols)).raise_for_status().json()["quoteResponse"]
        assert answer["error"] is None
        return {entry["symbol"]: entry for entry in answer["result"]}

    async def charted(self, symbol: str, **params: Any) -> httpx.Response:
        """`/v8/finance/chart`, without a crumb."""
        return await self.http.get(f"/v8/finance/chart/{symbol}", params=params)

    async def chart(self, symbol: str, **params: Any) -> dict[str, Any]:
        """The one result of a chart."""
        answer = (await self.charted(symbol, **params)).raise_for_status().json()["chart"]
        assert answer["error"] is None
        return dict(answer["result"][0])

    async def summarized(self, symbol: str, modules: str) -> httpx.Response:
        """`/v10/finance/quoteSummary`."""
        params = {"modules": modules, "crumb": self.crumb}
        return await self.http.get(f"/v10/finance/quoteSummary/{symbol}", params=params)


@asynccontextmanager
async def yahoo_client(sandbox: RunningSandbox) -> AsyncIterator[YahooClient]:
    """A client that has fetched its cookie and its crumb."""
    async with plain_client(base_url=sandbox.url) as http:
        client = YahooClient(http)
        await http.get("/fc")
        await client.renew()
        yield client


def rows(chart: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Time, open, high, low, close and volume of each row, prices rounded as the chart's meta data hint."""
    quote, hint = chart["indicators"]["quote"][0], chart["meta"]["priceHint"]
    prices = [[None if price is None else round(price, hint) for price in quote[name]]
              for name in ("open", "high", "low", "close")]  # fmt: skip
    return list(zip(chart["timestamp"], *prices, quote["volume"], strict=True))
