"""The whole service, once for all clients, and where Node is present, Node."""

from collections.abc import AsyncIterator

import anyio
import pytest

from tests.support.node import find_node, node
from tests.support.service import RunningService, running_pair

__all__ = ["node"]  # a fixture, found by its name here

collect_ignore_glob = [] if find_node() else ["test_*.py"]

ENDED_SECONDS = 20.0


@pytest.fixture(scope="package")
def anyio_backend() -> str:
    """The service lives on the loop of the package."""
    return "asyncio"


@pytest.fixture(scope="package")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningService]:
    """A service in front of a quick market, for tests that leave it running."""
    async with running_pair(tmp_path_factory.mktemp("clients"), sandbox={"tick_seconds": 0.1}) as (running, _):
        yield running


@pytest.fixture
def url(service: RunningService) -> str:
    """What a page would be given."""
    return f"{service.url}/graphql"


class EndedStreams:
    """Subscriptions of a transport that the server has ended in good order since the test began."""

    def __init__(self, service: RunningService, transport: str, before: float) -> None:
        self._service = service
        self._transport = transport
        self._before = before

    @classmethod
    async def counting(cls, service: RunningService, transport: str) -> "EndedStreams":
        """From now on."""
        zero = cls(service, transport, 0)
        return cls(service, transport, await zero.count())

    async def count(self) -> float:
        """How many so far, by the service's own metrics."""
        labels = f'{{kind="subscription",outcome="ok",transport="{self._transport}"}}'
        total = await read_metric(self._service, f"kite_services_operations_total{labels}")
        return total - self._before

    async def until(self, count: int) -> None:
        """Returns when so many have ended; fails if they do not."""
        with anyio.fail_after(ENDED_SECONDS):
            while await self.count() < count:  # noqa: ASYNC110 - seen from outside, as an operator does
                await anyio.sleep(0.02)


async def read_metric(service: RunningService, sample: str) -> float:
    """The value of a sample of /metrics, 0 while there is none."""
    text = (await service.client.get("/metrics")).text
    values = [line.removeprefix(sample) for line in text.splitlines() if line.startswith(f"{sample} ")]
    return float(values[0]) if values else 0.0
