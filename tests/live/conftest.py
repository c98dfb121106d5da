"""Streams in memory, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from schema.execution.engine import Engine
from schema.live.streams import LiveStreams
from tests.live.tap import SCHEMA, Stage, Tap, sharing_of

StageFactory = Callable[[], AbstractAsyncContextManager[Stage]]


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    """Open streams; whoever is left at the end leaves."""
    tap, merged = Tap(), list[int]()
    engine = Engine(SCHEMA, on_operation=tap.records.append)
    live = LiveStreams(engine, {"numbers": sharing_of}, rights=lambda context: context.role, on_merged=merged.append)
    async with live.opened(), asyncio.TaskGroup() as tasks:
        yield Stage(tap, engine, live, tasks, merged)
        for task in list(tasks._tasks):
            task.cancel()


@pytest.fixture
def stage() -> StageFactory:
    """The way to open one inside a test's own task."""
    return staged
