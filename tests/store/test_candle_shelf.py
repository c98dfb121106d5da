"""A source's own shelf in the candle store: every question and every write goes to its own series alone."""

from app.domain.candles import Candle, Interval
from app.domain.provenance import DataSource
from app.store.candle_shelf import CandleShelf
from tests.store.candle_values import at, bars, known, span
from tests.support.stores import MemoryCandleStore

INFY, SPX = "NSE:INFY", "YAHOO:^GSPC"
ONE = Interval.MINUTE


async def everything(store: CandleShelf | MemoryCandleStore, instrument_id: str) -> tuple[object, ...]:
    """What each question of the port says of ten minutes."""
    return (
        list(await store.bars(instrument_id, ONE, span(0, 10))),
        list(await store.last_bars(instrument_id, ONE, before=at(10), count=2)),
        len(await store.chunk(instrument_id, ONE, span(0, 10))),
        await store.opening(instrument_id, ONE, before=at(10), count=2),
        await store.writes(instrument_id, ONE),
        [(each.span, each.source) for each in await store.coverage(instrument_id, ONE, span(0, 10))],
    )


def told(stored: list[Candle], writes: int, source: DataSource) -> tuple[object, ...]:
    """The answers where these bars of ten known minutes are stored."""
    return (stored, stored[-2:], len(stored), stored[-2].time, writes, [(span(0, 10), source)])


async def test_two_sources_of_one_instrument_never_meet() -> None:
    """The same instrument and minutes, with other prices; corrections and drops stay on their shelf too."""
    store = MemoryCandleStore()
    shelf = CandleShelf(store, DataSource.YAHOO)
    await store.save(INFY, ONE, bars(0, 10, 100.0), known(0, 10))
    await shelf.save(INFY, ONE, bars(0, 10, 50.0), known(0, 10, source=DataSource.YAHOO))
    assert await everything(store, INFY) == told(bars(0, 10, 100.0), 1, DataSource.KITE)
    assert await everything(shelf, INFY) == told(bars(0, 10, 50.0), 1, DataSource.YAHOO)

    await shelf.replace(INFY, ONE, bars(3, 4, 51.0))
    corrected = [*bars(0, 3, 50.0), *bars(3, 4, 51.0), *bars(4, 10, 50.0)]
    assert await everything(shelf, INFY) == told(corrected, 2, DataSource.YAHOO)
    assert await everything(store, INFY) == told(bars(0, 10, 100.0), 1, DataSource.KITE)

    assert await shelf.drop(INFY, ONE) == 10
    assert await shelf.bars(INFY, ONE, span(0, 10)) == []
    assert await everything(store, INFY) == told(bars(0, 10, 100.0), 1, DataSource.KITE)


async def test_an_id_that_has_the_sources_name_needs_no_other() -> None:
    """What only Yahoo has is where a caller of the plain store looks for it."""
    store = MemoryCandleStore()
    await CandleShelf(store, DataSource.YAHOO).save(SPX, ONE, bars(0, 3), known(0, 3, source=DataSource.YAHOO))
    assert list(await store.bars(SPX, ONE, span(0, 3))) == bars(0, 3)
