"""Members of indices as the service tells them: of a day, in the order of lists that another process imports."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import anyio

from app.domain.constituents import Membership
from app.domain.time import ist_date
from app.runtime import open_store
from app.services.index_members import REMEMBERED_SECONDS, IndexMembers
from app.store.index_members import SqlMembershipStore
from tests.service.both import both_sources, codes
from tests.support.patience import PATIENCE
from tests.support.sandbox import RunningSandbox
from tests.support.service import RunningService

NIFTY, MEDIA = "NSE:NIFTY 50", "NSE:NIFTY MEDIA"
MEMBERS = (
    "query ($index: ID!, $asOf: Date) { indexConstituents(index: $index, asOf: $asOf) { id symbol exchange name } }"
)
VIEW = """query ($index: ID!) { marketContext { missing { input reason }
  breadth(index: $index) { index { id } constituentsAsOf advances declines unchanged unpriced }
  movers(index: $index, top: 5) { gainers { id } losers { id } mostActive { id volume averagePrice } } } }"""


async def imported(service: RunningService, sandbox: RunningSandbox, index: str, day: date, ids: Sequence[str]) -> None:
    """What `kite-services indices import` does, in a process of its own; the service sees it half a minute later."""
    async with open_store(service.settings, sandbox.clock) as store:
        members = IndexMembers(SqlMembershipStore(store.database, sandbox.clock), sandbox.clock, shipped=())
        await members.save(Membership(index, day, tuple(ids), "a test"))
    sandbox.clock.shift(seconds=REMEMBERED_SECONDS)


async def test_members_are_those_of_the_list_of_the_day(tmp_path: Path) -> None:
    """The list that ships, then one that was imported from its day on; before the first one an error that says what."""
    async with both_sources(tmp_path) as (service, sandbox):
        shipped = (await service.ask(MEMBERS, index=NIFTY))["data"]["indexConstituents"]
        assert len(shipped) == 50
        assert shipped[0] == {
            "id": "NSE:ADANIENT",
            "symbol": "ADANIENT",
            "exchange": "NSE",
            "name": "ADANI ENTERPRISES",
        }
        await imported(service, sandbox, NIFTY, date(2026, 9, 30), ["NSE:TCS", "NSE:GONE", "NSE:INFY"])
        newest = (await service.ask(MEMBERS, index=NIFTY))["data"]["indexConstituents"]
        assert [member["id"] for member in newest] == ["NSE:TCS", "NSE:GONE", "NSE:INFY"], "in the list's order"
        assert newest[1] == {"id": "NSE:GONE", "symbol": "GONE", "exchange": "NSE", "name": None}
        for day, expected in (("2026-09-30", newest), ("2026-09-29", shipped), ("2025-09-30", shipped)):
            response = await service.ask(MEMBERS, index=NIFTY, asOf=day)
            assert response["data"]["indexConstituents"] == expected

        early = await service.ask(MEMBERS, index=NIFTY, asOf="2025-09-29")
        assert codes(early) == {"indexConstituents": "NOT_SUPPORTED"}
        assert "known from 2025-09-30 on" in early["errors"][0]["message"]
        nobody = await service.ask(MEMBERS, index=MEDIA)
        assert codes(nobody) == {"indexConstituents": "NOT_SUPPORTED"}
        assert f'kite-services indices import FILE --index "{MEDIA}"' in nobody["errors"][0]["message"]


async def test_an_imported_list_is_what_breadth_and_movers_are_made_of(tmp_path: Path) -> None:
    """Of another index, and of NIFTY 50: with a young list there is no alarm; a member that is gone is unpriced."""
    async with both_sources(tmp_path) as (service, sandbox):
        old = (await service.ask(VIEW, index=NIFTY))["data"]["marketContext"]
        assert alarms(old) == {f"{NIFTY} members"}
        assert old["breadth"]["constituentsAsOf"] == "2026-03-30"

        shares = ["NSE:INFY", "NSE:TCS", "NSE:WIPRO", "NSE:SBIN"]
        today = ist_date(sandbox.clock.now())
        of_media, of_nifty = today - timedelta(days=21), today - timedelta(days=20)
        await imported(service, sandbox, MEDIA, of_media, [*shares, "NSE:GONE"])
        await imported(service, sandbox, NIFTY, of_nifty, shares)
        context = await until_priced(service, MEDIA, unpriced=1)
        breadth = context["breadth"]
        assert (breadth["index"]["id"], breadth["constituentsAsOf"]) == (MEDIA, of_media.isoformat())
        assert breadth["advances"] + breadth["declines"] + breadth["unchanged"] == 4
        moved = context["movers"]
        assert {quote["id"] for quote in moved["gainers"] + moved["losers"]} <= set(shares)
        turnovers = [quote["volume"] * quote["averagePrice"] for quote in moved["mostActive"]]
        assert len(turnovers) == 4
        assert turnovers == sorted(turnovers, reverse=True)

        nifty = (await until_priced(service, NIFTY, unpriced=0))["breadth"]
        assert nifty["constituentsAsOf"] == of_nifty.isoformat()


async def until_priced(service: RunningService, index: str, *, unpriced: int) -> dict[str, Any]:
    """The first context without an alarm in which so many members have no price of the newest day.

    A shift makes every price old, and after midnight in India the members trade one after the other.
    """
    with anyio.fail_after(PATIENCE):
        while True:
            context = (await service.ask(VIEW, index=index))["data"]["marketContext"]
            if not alarms(context) and context["breadth"]["unpriced"] == unpriced:
                return dict(context)
            await anyio.sleep(0.1)


def alarms(context: Mapping[str, Any]) -> set[str]:
    """What is missing but prices and bars that are on their way."""
    return {each["input"] for each in context["missing"] if not each["input"].endswith("day bars")}
