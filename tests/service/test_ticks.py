"""Live ticks over graphql-transport-ws: order, resuming, and what was lost."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio

from tests.service.sockets import Stream, subscribed
from tests.service.symbols import traded
from tests.service.test_live import live_pair, until_carried
from tests.support.patience import PATIENCE
from tests.support.sandbox import RunningSandbox

TICKS = """subscription ($ids: [ID!]!, $after: Cursor) { ticks(ids: $ids, after: $after) {
  cursor missed gap ticks { id lastPrice lastQuantity source } rejected { id code subscribed } } }"""


async def burst(sandbox: RunningSandbox, instrument: str, count: int) -> None:
    """So many numbered packets of one instrument, the number in lastQuantity, once the exchange knows it is wanted."""
    with anyio.fail_after(PATIENCE):
        while await sandbox.fault("tick_burst", instrument=instrument, count=1) < 1:  # noqa: ASYNC110 - seen from outside
            await anyio.sleep(0.02)
    assert await sandbox.fault("tick_burst", instrument=instrument, count=count) >= count


async def until_number(stream: Stream, number: int) -> list[dict[str, Any]]:
    """Batches up to the one with the tick of this number."""
    batches = [await stream.data()]
    while number not in numbers(batches[-1:]):
        batches.append(await stream.data())
    return batches


def numbers(batches: Sequence[dict[str, Any]]) -> list[int]:
    """The `lastQuantity` of all ticks, in order."""
    return [tick["lastQuantity"] for batch in batches for tick in batch["ticks"]]


def is_run(found: Sequence[int], last: int) -> bool:
    """Whether 1 to `last` stand in `found` in this order; ordinary ticks may come in between."""
    rest = iter(found)
    return all(number in rest for number in range(1, last + 1))


async def test_every_tick_in_order_and_all_of_them_after_a_lost_connection(tmp_path: Path) -> None:
    """The first batch gives the position; `after` goes on from any cursor without loss, `missed` stays 0."""
    async with live_pair(tmp_path, linger=10.0) as (service, sandbox):
        (one, other) = traded(sandbox, 52)[50:]
        async with subscribed(service, TICKS, ids=[one, other, "NSE:INFYY"]) as stream:
            first = await stream.data()
            await burst(sandbox, one, 2_500)
            batches = await until_number(stream, 2_500)
        assert (first["ticks"], first["missed"], first["gap"]) == ([], 0, False)
        assert first["rejected"] == [{"id": "NSE:INFYY", "code": "UNKNOWN_INSTRUMENT", "subscribed": False}]
        assert is_run(numbers(batches), 2_500)
        assert {(batch["missed"], batch["gap"]) for batch in batches} == {(0, False)}
        assert {tick["source"] for batch in batches for tick in batch["ticks"]} == {"SANDBOX"}

        middle = batches[len(batches) // 2]
        await burst(sandbox, one, 3_000)  # while nobody is connected
        async with subscribed(service, TICKS, ids=[one, other], after=middle["cursor"]) as again:
            await again.data()
            replayed = await until_number(again, 3_000)
        seen_before = numbers(batches[: len(batches) // 2 + 1])
        assert is_run([*seen_before, *numbers(replayed)], 2_500)
        assert is_run(numbers(replayed)[numbers(replayed).index(2_500) :], 3_000)
        assert {(batch["missed"], batch["gap"]) for batch in replayed} == {(0, False)}
        assert sandbox.count("quote") == 0


async def test_gap_is_told_after_a_break_and_for_a_cursor_of_another_life(tmp_path: Path) -> None:
    """What nobody could count is never hidden; a cursor from the future is refused."""
    async with live_pair(tmp_path) as (service, sandbox):
        (one,) = traded(sandbox, 51)[50:]
        async with subscribed(service, TICKS, ids=[one]) as stream:
            first = await stream.data()
            await until_carried(service, 1)
            await stream.data()
            await sandbox.fault("drop_socket")
            while not (broken := await stream.data())["gap"]:
                pass
            after = await stream.data()
        assert broken["missed"] >= 1
        assert (after["gap"], after["missed"]) == (False, 0)

        async with subscribed(service, TICKS, ids=[one], after="0ldl1fe:5") as stream:
            await stream.data()
            assert (await stream.data())["gap"]
        ahead = first["cursor"].partition(":")[0] + ":999999"
        async with subscribed(service, TICKS, ids=[one], after=ahead) as stream:
            (error,) = await stream.errors()
        assert error["extensions"]["code"] == "INVALID_INPUT"
        assert f"cursor {ahead} is ahead of the stream; send back" in error["message"]
