"""An engine over the toy, called directly."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from schema.execution.engine import Engine, Prepared, Result
from schema.execution.events import subscribe
from schema.execution.records import GraphQLRequest, RequestFailure
from tests.support.toy import Ledger, ToyContext, toy_engine
from tests.support.virtual_time import VIRTUAL_TIME


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """All of it is in memory: sleeps and deadlines are exact and take no time."""
    return VIRTUAL_TIME


@dataclass
class Bench:
    """The engine, what it recorded, and short ways to call it."""

    ledger: Ledger = field(default_factory=Ledger)
    limits: dict[str, Any] = field(default_factory=dict)
    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        self.engine = toy_engine(self.ledger, **self.limits)

    def prepare(self, query: str, name: str | None = None, /, **variables: Any) -> Prepared | RequestFailure:
        """What the engine makes of a request."""
        request = GraphQLRequest(query, variables, name, transport="test", request_id="r-1")
        return self.engine.prepare(request)

    def ready(self, query: str, name: str | None = None, /, **variables: Any) -> Prepared:
        """A request that is in order."""
        prepared = self.prepare(query, name, **variables)
        assert isinstance(prepared, Prepared), prepared
        return prepared

    def refused(self, query: str, name: str | None = None, /, **variables: Any) -> dict[str, Any]:
        """The extensions of the one error of a request that is not."""
        failure = self.prepare(query, name, **variables)
        assert isinstance(failure, RequestFailure), failure
        (error,) = failure.errors
        extensions = error["extensions"]
        assert isinstance(extensions, dict)
        return {**extensions, "message": error["message"]}

    async def run(self, query: str, name: str | None = None, /, **variables: Any) -> Any:
        """The result of a query or mutation."""
        return await self.engine.execute(self.ready(query, name, **variables), ToyContext(self.ledger))

    async def stream(self, query: str, /, **variables: Any) -> list[Result]:
        """All results of a subscription."""
        results = await subscribe(self.engine, self.ready(query, None, **variables), ToyContext(self.ledger))
        return [results] if isinstance(results, dict) else [result async for result in results]


@pytest.fixture
def bench() -> Bench:
    """The toy with the real limits."""
    return Bench()


@pytest.fixture
def logs() -> Iterator[list[EventDict]]:
    """What is logged, instead of its rendering."""
    with capture_logs() as lines:
        yield lines
