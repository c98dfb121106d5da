"""GraphQL over a history, without a service around it: the bytes that a client would get."""

from types import SimpleNamespace
from typing import Any, cast

from graphql import ExecutionResult, GraphQLSchema
from graphql.execution.values import VariableValues

from app.domain.candles import CandleSeries
from app.domain.instruments import Instrument
from schema.build import build_schema
from schema.context import RequestContext, Role, Services
from schema.execution.documents import Document, DocumentCache
from schema.execution.executor import build_executor
from schema.execution.limits import DEFAULT_COST_MODEL, DEFAULT_LIMITS
from schema.transport.encode import encode
from tests.history.market import INFY

SCHEMA: GraphQLSchema = build_schema()._schema


class OneInstrument(RequestContext):
    """A context for which every id is INFY's."""

    def instrument(self, instrument_id: str) -> Instrument:
        """INFY."""
        return INFY


class OneSeries:
    """A history that has one answer."""

    def __init__(self, series: CandleSeries) -> None:
        self.series = series

    async def candles(self, *_: object, **__: object) -> CandleSeries:
        """The answer."""
        return self.series


class Asking:
    """Answers by one schema, whose documents and texts are kept."""

    def __init__(self) -> None:
        self._documents = DocumentCache(SCHEMA, DEFAULT_LIMITS, DEFAULT_COST_MODEL)

    async def answer(self, history: object, selection: str, arguments: str = "", *, compiled: bool = True) -> bytes:
        """What `candles` answers. Without `compiled`: as graphql-core does it, bar by bar."""
        query = f'{{ candles(id: "NSE:INFY", interval: MINUTE_5 {arguments}) {{ {selection} }} }}'
        document = self._documents.document(query)
        assert isinstance(document, Document), document
        services = cast("Services", SimpleNamespace(history=history, quotes=None))
        context = OneInstrument(services, Role.READER)
        operation: Any = document.choose(None)
        executor = build_executor(SCHEMA, operation, VariableValues({}, {}), context, None, compiled=compiled)
        outcome: Any = executor.execute_operation()
        result: ExecutionResult = await outcome if executor.is_awaitable(outcome) else outcome
        assert not result.errors
        return encode({"data": result.data})
