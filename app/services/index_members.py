"""Who belongs to an index on a day: the newest of the lists that ship and that were imported.

Comes in: an index and a day. Goes out: the list that holds, or an error that says what to import. Called by
`indexConstituents`, the market's context and `kite-services indices`.
"""

from collections.abc import Callable, Sequence
from datetime import date

import anyio
import structlog

from app.domain.constituents import Membership
from app.domain.errors import NotSupported, SourceUnavailable
from app.domain.index_lists import check_kind, shipped_lists
from app.domain.instruments import Exchange, Instrument, parse_instrument_id
from app.domain.market_members import membership_on
from app.domain.time import ist_date
from app.ports import Clock, MembershipStore

REMEMBERED_SECONDS = 30.0
"""How long what the database has is believed: a command of another process may import a list at any time."""
READ_SECONDS = 1.0
"""How long a renewal may take: who asks for the market's context must not wait for a database that hangs."""

log = structlog.get_logger()


class IndexMembers:
    """Dated members of indices. Of two lists of the same date the imported one counts. For one event loop."""

    def __init__(
        self,
        store: MembershipStore,
        clock: Clock,
        *,
        shipped: Sequence[Membership] | None = None,
        require: Callable[[str], Instrument] | None = None,
    ) -> None:
        """`shipped`: the lists that come with the service, unless a test has others.

        `require`: the instrument with an id, which raises what is wrong with the id; None where there is no master.
        """
        self._require = require
        self._store = store
        self._clock = clock
        self._shipped = shipped_lists() if shipped is None else tuple(shipped)
        self._known: dict[tuple[str, date], Membership] = {}
        self._read_at: float | None = None
        self._reading = anyio.Lock()

    async def membership(self, index: str, on: date | None = None) -> Membership:
        """The list that holds on a day; today's, in India, without one.

        Raises NotSupported if there is none, InvalidInput for what is no id, UnknownInstrument for an index that there
        is not, SourceUnavailable if the database has not answered once.
        """
        parse_instrument_id(index)
        day = on or ist_date(self._clock.now())
        lists = [each for each in (await self._lists()).values() if each.index == index]
        found = membership_on(lists, day)
        if found is None:
            if not lists:
                self._check_exists(index)
            raise NotSupported(_advice(index, day, lists))
        return found

    def _check_exists(self, index: str) -> None:
        """What no list is for may be no index at all: then there is nothing to import."""
        if self._require is not None:
            check_kind(self._require(index))

    async def lists(self) -> list[Membership]:
        """Every list, by index, the oldest first."""
        known = await self._lists()
        return [known[key] for key in sorted(known)]

    async def save(self, membership: Membership) -> bool:
        """Import a list; whether it replaced an imported one of the same index and date."""
        replaced = await self._store.save(membership)
        self._read_at = None
        return replaced

    async def remove(self, index: str, valid_from: date) -> bool:
        """Forget an imported list; whether there was one. A list of that day which shipped counts again."""
        removed = await self._store.remove(index, valid_from)
        self._read_at = None
        return removed

    async def _lists(self) -> dict[tuple[str, date], Membership]:
        async with self._reading:
            now = self._clock.monotonic()
            if self._read_at is None or now - self._read_at >= REMEMBERED_SECONDS:
                await self._read(now)
            return self._known

    async def _read(self, now: float) -> None:
        """What the database has; while it does not answer, what it had."""
        try:
            with anyio.fail_after(None if self._read_at is None else READ_SECONDS):
                lists = [*self._shipped, *await self._store.all()]
        except (SourceUnavailable, TimeoutError) as error:
            if self._read_at is None:
                raise
            log.warning("index_members_not_read", error=str(error) or f"no answer within {READ_SECONDS:g} s")
        else:
            self._known = {(each.index, each.valid_from): each for each in lists}
        self._read_at = now


def _advice(index: str, day: date, lists: Sequence[Membership]) -> str:
    remedy = f'kite-services indices import FILE --index "{index}" --from YYYY-MM-DD'
    if not lists and parse_instrument_id(index)[0] is Exchange.YAHOO:
        return f"the members of {index} are not known: lists are kept for indices of Indian exchanges"
    if not lists:
        return f"the members of {index} are not known: download its list from the exchange, then {remedy}"
    first = min(each.valid_from for each in lists)
    return f"the members of {index} are known from {first} on, not on {day}: for older ones {remedy}"
