"""What an operation leaves behind: nothing."""

import gc
import weakref

import pytest

from tests.execution.conftest import Bench
from tests.support.toy import Ledger


class PlainContext:
    """A context that refers to nothing that refers back."""

    def __init__(self) -> None:
        self.ledger = Ledger()

    def fresh(self) -> "PlainContext":
        """Unused here."""
        return PlainContext()

    def extensions(self) -> dict[str, object]:
        """None."""
        return {}


@pytest.mark.parametrize("query", ["{ hello }", "{ slow(seconds: 0) }"])
async def test_operation_is_freed_at_its_end(bench: Bench, query: str) -> None:
    """Without the cyclic collector, which would have to walk everything else for it, thousands of times a second."""
    prepared = bench.ready(query)
    await bench.engine.execute(prepared, PlainContext())
    gc.collect()
    gc.disable()
    try:
        context = PlainContext()
        seen = weakref.ref(context)
        await bench.engine.execute(prepared, context)
        del context
        assert seen() is None
    finally:
        gc.enable()
