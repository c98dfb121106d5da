"""ChangeSignal: merging, many listeners, cancel-safe."""

import anyio
import pytest

from app.domain.changes import ChangeSignal

SOON = 0.01


async def test_a_listener_gets_one_item_at_once() -> None:
    """Whoever starts to listen learns the present state without waiting for a change."""
    with anyio.fail_after(1):
        await anext(ChangeSignal().changes())


async def test_changes_that_nobody_awaited_are_one_item() -> None:
    """Three changes while the listener was busy give one item, and then silence."""
    signal = ChangeSignal()
    heard = signal.changes()
    await anext(heard)
    for _ in range(3):
        signal.fire()
    await anext(heard)
    with pytest.raises(TimeoutError), anyio.fail_after(SOON):
        await anext(heard)


async def test_every_listener_hears_every_change() -> None:
    """Two listeners that wait are both woken by one change."""
    signal = ChangeSignal()
    heard: list[int] = []

    async def listen(number: int) -> None:
        changes = signal.changes()
        await anext(changes)
        await anext(changes)
        heard.append(number)

    with anyio.fail_after(1):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen, 1)
            tasks.start_soon(listen, 2)
            await anyio.sleep(SOON)
            signal.fire()
    assert sorted(heard) == [1, 2]


async def test_a_cancelled_wait_loses_nothing() -> None:
    """After a cancelled wait the same iterator still hears the next change, also one during the cancellation."""
    signal = ChangeSignal()
    heard = signal.changes()
    await anext(heard)
    with anyio.move_on_after(SOON):
        await anext(heard)
    signal.fire()
    with anyio.fail_after(1):
        await anext(heard)
