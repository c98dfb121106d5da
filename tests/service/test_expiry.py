"""A contract whose last day ends while somebody watches it."""

from datetime import datetime, timedelta
from pathlib import Path

from app.clock import SystemClock
from tests.service.sockets import subscribed
from tests.support.service import running_pair

NEAREST = """{ searchInstruments(text: "", filter: {exchanges: [NFO], kinds: [FUTURE]}, first: 1) {
  edges { node { id expiry } } } }"""
WATCH = """subscription ($ids: [ID!]!) { quotes(ids: $ids, throttleMs: 0) {
  quotes { id lastPrice freshness instrument { id } } } }"""


class SettableClock(SystemClock):
    """The machine's clock, moved by a test."""

    ahead = timedelta()

    def now(self) -> datetime:
        """The machine's time and what it was moved by."""
        return super().now() + self.ahead


async def test_a_contract_that_expires_costs_a_stream_none_of_its_other_quotes(tmp_path: Path) -> None:
    """Its last packets may still come; they carry what is known, and the updates go on."""
    clock = SettableClock()
    async with running_pair(tmp_path, sandbox={"tick_seconds": 0.1, "rate_limits": None}, clock=clock) as (service, _):
        (edge,) = (await service.ask(NEAREST))["data"]["searchInstruments"]["edges"]
        contract = edge["node"]["id"]
        async with subscribed(service, WATCH, ids=["NSE:INFY", contract]) as stream:
            await stream.data()
            clock.ahead = timedelta(days=120)
            seen: set[str] = set()
            while seen != {"NSE:INFY", contract}:
                for quote in (await stream.data())["quotes"]:
                    assert quote["instrument"]["id"] == quote["id"]
                    seen.add(quote["id"])
