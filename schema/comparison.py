"""One instrument at every source. Called by the resolver of `compareSources`."""

import anyio

from app.domain.comparison import SourceComparison, SourcePrice, compared
from app.domain.errors import MarketDataError
from app.domain.instruments import Instrument
from app.domain.provenance import DataSource
from schema.context import RequestContext


async def compare(context: RequestContext, instrument: Instrument) -> SourceComparison:
    """What each source says now, asked side by side; a source that cannot answer says why."""
    found: dict[DataSource, SourcePrice] = {}

    async def ask(name: DataSource) -> None:
        answers = await context.services.quotes_of[name].quotes([instrument], max_age=None, cost=context.cost)
        answer = answers[instrument.id]
        if isinstance(answer, MarketDataError):
            found[name] = SourcePrice(name, None, f"{answer.code}: {answer.message}")
        else:
            found[name] = SourcePrice(name, answer, None)

    async with anyio.create_task_group() as tasks:
        for name in context.services.quotes_of:
            tasks.start_soon(ask, name)
    return compared(instrument, tuple(found[name] for name in context.services.quotes_of))
