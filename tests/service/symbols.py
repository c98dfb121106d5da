"""Instruments of the sandbox that tests ask for."""

from app.sandbox.universe import NEVER_TRADED
from tests.support.sandbox import RunningSandbox

__all__ = ["NEVER_TRADED", "traded"]


def traded(sandbox: RunningSandbox, count: int, *, skip: int = 0) -> list[str]:
    """Ids of instruments that have prices, always the same ones; `skip` of them left out, to find cold ones."""
    listed = [row.instrument.id for row in sandbox.parts.control._prices._market.listed]
    return [each for each in listed if each != NEVER_TRADED][skip : skip + count]
