"""Fixtures that every test may use."""

from collections.abc import Iterator

import pytest
from blockbuster import BlockBuster, blockbuster_ctx

from tests.support.node import ABSENT, find_node


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the service does."""
    return "asyncio"


@pytest.fixture(autouse=True)
def blockbuster(request: pytest.FixtureRequest) -> Iterator[BlockBuster | None]:
    """A blocking call on the event loop fails the test."""
    with blockbuster_ctx() as blocker:
        yield blocker


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Where there is no Node, the run says what it left out."""
    if find_node() is None:
        terminalreporter.write_line(ABSENT, yellow=True)
