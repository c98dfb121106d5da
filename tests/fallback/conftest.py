"""These tests stay in memory, so their time is virtual: no wait is real, and none depends on the machine."""

from typing import Any

import pytest

from tests.support.virtual_time import VIRTUAL_TIME


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Sleeps and deadlines are exact and take no time."""
    return VIRTUAL_TIME
