"""Fixtures that every test may use."""

from collections.abc import Awaitable, Callable, Generator, Iterator
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

import anyio
import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import settings

from tests.support.node import ABSENT, find_node

settings.register_profile("steady", deadline=None, derandomize=True, print_blob=True)
"""What decides whether work lands: a loaded machine is no counterexample, and the same examples come again."""
settings.register_profile("hunt", deadline=None, print_blob=True)
"""Other examples at each run, for `make hunt`: what it finds becomes an `@example`."""
settings.load_profile("steady")

LONGEST_TEST = 120.0
"""Seconds; the slowest takes a tenth of it on a machine with other work."""


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the service does."""
    return "asyncio"


@pytest.fixture(autouse=True)
def blockbuster(request: pytest.FixtureRequest) -> Iterator[BlockBuster | None]:
    """A blocking call on the event loop fails the test."""
    with blockbuster_ctx() as blocker:
        yield blocker


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """An asynchronous test that hangs is cancelled and fails where it waits, instead of holding up the run."""
    test = pyfuncitem.obj
    if iscoroutinefunction(test):
        pyfuncitem.obj = _bounded(test)
    return (yield)


def _bounded(test: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    @wraps(test)
    async def bounded(**arguments: Any) -> None:
        with anyio.fail_after(LONGEST_TEST):
            await test(**arguments)

    return bounded


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Where there is no Node, the run says what it left out."""
    if find_node() is None:
        terminalreporter.write_line(ABSENT, yellow=True)
