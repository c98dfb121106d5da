"""A store that remembers: no reads while nothing changes, and every change seen."""

from typing import Any

import anyio
import pytest

from app.domain.candle_chunks import CandleChunk
from app.domain.candles import Interval
from app.ports import CandleStore
from app.services.history.remembering import RememberingStore
from app.services.history.series_memory import CHECK_SECONDS
from tests.history_chunks.counting import SERIES, START, CountingStore, at, bar, known, span
from tests.services.fakes import SetClock


@pytest.fixture
def clock() -> SetClock:
    """Stands still unless it is moved."""
    return SetClock(START)


@pytest.fixture
async def store() -> CountingStore:
    """A week of bars."""
    store = CountingStore()
    await store.fill(0, 34)
    store.calls.clear()
    return store


@pytest.fixture
def memory(store: CountingStore, clock: SetClock) -> RememberingStore:
    """Knows nothing yet."""
    return RememberingStore(store, clock)


async def look(store: CandleStore) -> list[object]:
    """Three questions, and their answers."""
    return [
        await store.bars(*SERIES, span(3, 21)),
        await store.last_bars(*SERIES, before=at(30.5), count=20),
        await store.coverage(*SERIES, span(1, 2)),
    ]


async def test_the_second_look_reads_nothing(memory: RememberingStore, store: CountingStore) -> None:
    """Not even the count of writes, within a second."""
    first = await look(memory)
    assert first == await look(store)
    store.calls.clear()
    assert await look(memory) == first
    assert await memory.bars(*SERIES, span(5, 8)) == [bar(number) for number in (5, 6, 7)]
    assert not store.calls


async def test_another_process_is_noticed_after_a_second(
    memory: RememberingStore, store: CountingStore, clock: SetClock
) -> None:
    """One look at the count a second; when it has changed, everything is read again."""
    before = await look(memory)
    await store.fill(0, 34, price=50.0)
    assert await look(memory) == before
    clock.advance(CHECK_SECONDS)
    assert await look(memory) == await look(store)
    store.calls.clear()
    clock.advance(CHECK_SECONDS)
    await look(memory)
    assert dict(store.calls) == {"writes": 1}


async def test_what_is_read_later_never_stands_beside_what_is_out_of_date(
    memory: RememberingStore, store: CountingStore
) -> None:
    """A window is remembered from before a split in another process, the next one is read after it: all is new."""
    await memory.bars(*SERIES, span(0, 4))
    await store.fill(0, 34, price=50.0)
    assert {each.close for each in await memory.bars(*SERIES, span(0, 20))} == {50.0}
    assert await look(memory) == await look(store)


async def test_our_own_write_is_seen_at_once(memory: RememberingStore, store: CountingStore) -> None:
    """And takes away only the windows that it touches: the others need no read."""
    await look(memory)
    await memory.replace(*SERIES, [bar(9, 77.0)])
    assert (await memory.bars(*SERIES, span(9, 10)))[0].close == 77.0
    store.calls.clear()
    assert len(await memory.bars(*SERIES, span(14, 21))) == 7
    assert store.reads == 0
    await memory.save(*SERIES, [bar(40)], known(36, 41))
    assert await look(memory) == await look(store)
    assert [each.time for each in await memory.last_bars(*SERIES, before=at(50), count=2)] == [at(33), at(40)]


async def test_a_dropped_series_is_gone(memory: RememberingStore, store: CountingStore) -> None:
    """From the memory as from the store; other series stay."""
    other = SERIES[0], Interval.HOUR
    await store.save(*other, [bar(1)], known(0, 3))
    assert len(await memory.bars(*other, span(0, 3))) == 1
    await look(memory)
    assert await memory.drop(*SERIES) == 34
    assert await look(memory) == [[], [], []]
    store.calls.clear()
    assert len(await memory.bars(*other, span(0, 3))) == 1
    assert store.reads == 0


async def test_a_write_that_fails_leaves_nothing_remembered(memory: RememberingStore, store: CountingStore) -> None:
    """Nobody knows then what of it was stored."""
    await look(memory)
    with pytest.raises(ValueError, match="there twice"):
        await memory.replace(*SERIES, [bar(1), bar(1)])
    store.calls.clear()
    again = await look(memory)
    assert store.reads
    assert again == await look(store)


async def test_the_beginning_is_remembered_too(memory: RememberingStore, store: CountingStore) -> None:
    """More bars than there are: the second time nothing is looked for before the first one, until it comes."""
    assert len(await memory.last_bars(*SERIES, before=at(40), count=500)) == 34
    assert len(await memory.bars(*SERIES, span(-900, 40))) == 34
    store.calls.clear()
    assert len(await memory.last_bars(*SERIES, before=at(40), count=500)) == 34
    assert not store.calls
    await memory.save(*SERIES, [bar(-30)], known(-31, -29))
    assert len(await memory.last_bars(*SERIES, before=at(40), count=500)) == 35


async def test_nothing_is_asked_of_a_question_for_nothing(memory: RememberingStore) -> None:
    """No bars of an empty span, and none of none."""
    assert await memory.bars(*SERIES, span(4, 4)) == []
    assert await memory.last_bars(*SERIES, before=at(9), count=0) == []


async def test_the_memory_is_bounded(store: CountingStore, clock: SetClock) -> None:
    """The windows that were used last stay; answers are right all the same."""
    memory = RememberingStore(store, clock, most_bars=80)
    assert await memory.bars(*SERIES, span(0, 34)) == await store.bars(*SERIES, span(0, 34))
    store.calls.clear()
    assert len(await memory.bars(*SERIES, span(32, 34))) == 2
    assert store.reads == 0
    assert len(await memory.bars(*SERIES, span(0, 2))) == 2
    assert store.reads == 1


async def test_a_read_across_a_write_is_not_remembered(clock: SetClock) -> None:
    """It is of the store before the write, and the next one is of the store after it."""

    class Slow(CountingStore):
        async def chunk(self, *args: Any, **kwargs: Any) -> CandleChunk:
            found = await super().chunk(*args, **kwargs)
            await anyio.sleep(0.02)
            return found

    slow = Slow()
    await slow.fill(0, 10)
    memory = RememberingStore(slow, clock)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(memory.bars, *SERIES, span(0, 10))
        await anyio.sleep(0.01)
        await memory.replace(*SERIES, [bar(4, 1.0)])
    assert (await memory.bars(*SERIES, span(4, 5)))[0].close == 1.0
