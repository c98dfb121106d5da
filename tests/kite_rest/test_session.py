"""The holder of the token."""

from typing import Any

import anyio
import pytest

from app.providers.kite.session import KiteTokens
from tests.support.virtual_time import VIRTUAL_TIME


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """All of it is in memory."""
    return VIRTUAL_TIME


async def test_a_refused_token_is_reported_once_for_each_time_it_was_set():
    """Kite may hand out the same token twice a day; an old token's refusal says nothing."""
    tokens, told = KiteTokens("one"), list[str]()
    tokens.on_rejected(told.append)
    tokens.rejected("zero")
    tokens.rejected("one")
    tokens.rejected("one")
    assert told == ["one"]
    tokens.replace("one")
    tokens.rejected("one")
    assert told == ["one", "one"]


async def test_a_replacement_during_the_report_holds():
    """The owner may replace the token from within the callback."""
    tokens = KiteTokens("one")
    tokens.on_rejected(lambda _: tokens.replace(None))
    tokens.rejected("one")
    assert (tokens.token, tokens.version) == (None, 1)


async def test_a_replacement_is_awaited_without_polling():
    """Every waiter wakes; one that is behind does not wait at all."""
    tokens, seen = KiteTokens(), list[int]()

    async def wait(version: int) -> None:
        seen.append(await tokens.wait_newer(version))

    with anyio.fail_after(1):
        async with anyio.create_task_group() as group:
            group.start_soon(wait, 0)
            group.start_soon(wait, 1)
            await anyio.sleep(0.01)
            tokens.replace("one")
            await anyio.sleep(0.01)
            assert seen == [1]
            tokens.replace("two")
        assert await tokens.wait_newer(0) == 2
    assert seen == [1, 2]


def test_the_token_is_not_shown():
    """Not even in a traceback's locals."""
    assert "one" not in repr(KiteTokens("one"))
