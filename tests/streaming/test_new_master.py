"""A new master under running streams: tokens that moved are followed, what is gone is no longer carried."""

from collections.abc import AsyncIterator, Mapping

import anyio

from app.domain.changes import ChangeSignal
from app.domain.instruments import Instrument
from app.domain.quotes import StreamMode
from tests.streaming.stage import Stage, a_quote, a_tick, an_instrument, running_feed

A, B = an_instrument("A", token=1), an_instrument("B", token=2)
MOVED = an_instrument("A", token=3)
FULL = StreamMode.FULL


class DatedMaster:
    """An instrument look-up and its changes, by hand."""

    def __init__(self, *instruments: Instrument) -> None:
        self._changed = ChangeSignal()
        self._by_id: Mapping[str, Instrument] = {each.id: each for each in instruments}

    def find(self, instrument_id: str) -> Instrument | None:
        """As of the last `replace`."""
        return self._by_id.get(instrument_id)

    def changes(self) -> AsyncIterator[None]:
        """One item for each `replace`."""
        return self._changed.changes()

    def replace(self, *instruments: Instrument) -> None:
        """The next morning."""
        self._by_id = {each.id: each for each in instruments}
        self._changed.fire()


def tokens(stage: Stage) -> dict[str, int | None]:
    """What the source was told to carry under which token."""
    return {want.instrument.symbol: want.instrument.instrument_token for want in stage.ticks.wanted.values()}


async def until_carried(stage: Stage, expected: Mapping[str, int | None]) -> None:
    """Returns when the source was told so."""
    with anyio.fail_after(2):
        while tokens(stage) != expected:  # noqa: ASYNC110 -- no event says so
            await anyio.sleep(0.005)


async def test_a_stream_follows_its_instruments_token_into_the_next_master() -> None:
    """Exchanges give an expired contract's token to another: the price of that one must not come under the old id."""
    master = DatedMaster(A, B)
    async with running_feed() as stage, anyio.create_task_group() as group:
        group.start_soon(stage.feed.follow, master, master)
        with stage.feed.quote_stream([A, B], FULL):
            await until_carried(stage, {"A": 1, "B": 2})
            stage.feed.publish_quotes([a_quote("A", 5), a_quote("B", 6)])
            master.replace(MOVED, B)
            await until_carried(stage, {"A": 3, "B": 2})
            assert stage.feed.latest("NSE:A") is None
            assert stage.feed.latest("NSE:B") is not None
        group.cancel_scope.cancel()


async def test_what_the_next_master_lacks_is_carried_no_more() -> None:
    """It keeps its place without a token, and its readers leave as they came."""
    master = DatedMaster(A, B)
    async with running_feed() as stage, anyio.create_task_group() as group:
        group.start_soon(stage.feed.follow, master, master)
        with stage.feed.quote_stream([A, B], FULL), stage.feed.tick_stream([B]) as ticks:
            await until_carried(stage, {"A": 1, "B": 2})
            stage.feed.publish_quotes([a_quote("B", 6)])
            master.replace(A)
            await until_carried(stage, {"A": 1, "B": None})
            assert stage.feed.latest("NSE:B") is None
            master.replace(A, B)
            await until_carried(stage, {"A": 1, "B": 2})
            stage.feed.publish_ticks([a_tick("B", 1)])
            assert [tick.volume for tick in (await ticks.take()).ticks] == [1]
        await stage.pass_time(30)
        assert tokens(stage) == {}
        group.cancel_scope.cancel()
