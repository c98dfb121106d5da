"""Several jobs, of which the first to end decides. Used by both streams for the life of one socket."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

T = TypeVar("T")


async def first_of(*jobs: Callable[[], Awaitable[T]]) -> T:
    """The result of the job that ended first; the others are cancelled and gone when this returns.

    Raises an ExceptionGroup if a job raised.
    """
    results: list[T] = []
    async with anyio.create_task_group() as group:

        async def run(job: Callable[[], Awaitable[T]]) -> None:
            results.append(await job())
            group.cancel_scope.cancel()

        for job in jobs:
            group.start_soon(run, job)
    return results[0]
