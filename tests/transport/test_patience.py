"""A time limit that is only set where something waits."""

import asyncio

import anyio
import anyio.lowlevel
import pytest

from schema.transport.patience import within


async def test_what_is_there_is_taken_without_a_timer() -> None:
    """No turn of the loop either: whoever runs next has not run yet."""
    turns: list[str] = []
    asyncio.get_running_loop().call_soon(turns.append, "another")

    async def ready() -> int:
        return 7

    assert await within(-1, ready()) == 7
    assert turns == []


async def test_what_comes_in_parts_is_waited_for() -> None:
    """However often it pauses; its value and its error come through."""

    async def slow(fails: bool) -> int:  # noqa: FBT001 - which of two
        for _ in range(3):
            await anyio.sleep(0.001)
        if fails:
            raise LookupError
        return 7

    assert await within(5, slow(fails=False)) == 7
    with pytest.raises(LookupError):
        await within(5, slow(fails=True))


async def test_what_never_comes_is_given_up_and_cleaned_up() -> None:
    """The waiting one is cancelled, so that its `finally` runs."""
    ended: list[str] = []

    async def never() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            await anyio.lowlevel.checkpoint()
            ended.append("never")

    with pytest.raises(TimeoutError):
        await within(0.01, never())
    assert ended == ["never"]


async def test_cancellation_of_the_caller_comes_through() -> None:
    """And is no timeout."""
    with anyio.move_on_after(0.01) as patience:
        await within(5, anyio.sleep_forever())
    assert patience.cancelled_caught
