"""A service before both of its sources, on the sandbox's clock: a shift ages what is remembered and fills budgets.

async with both_sources(tmp_path) as (service, sandbox):
    answer = await service.ask('{ quote(id: "YAHOO:^GSPC") { lastPrice } }')
    sandbox.clock.shift(seconds=2)  # the next question asks the source again, at once
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from tests.support.patience import PATIENCE
from tests.support.sandbox import RunningSandbox
from tests.support.service import RunningService, free_port, running_service, sandbox_for

QUOTE = "id lastPrice source freshness fallbackReason exchangeTime receivedAt"
"""What is asked of a price."""


@asynccontextmanager
async def both_sources(
    data_dir: Path,
    *,
    sandbox: Mapping[str, Any] | None = None,
    fault: Mapping[str, Any] | None = None,
    **overrides: Any,
) -> AsyncIterator[tuple[RunningService, RunningSandbox]]:
    """As `running_pair(yahoo=True)`, without Kite's request limits; `yahoo=False` for Kite alone.

    `fault` holds before the service starts.
    """
    port = free_port()
    async with sandbox_for(port, **{"rate_limits": None, **(sandbox or {})}) as exchange:
        if fault is not None:
            await exchange.fault(**fault)
        chosen = {"yahoo": True, "clock": exchange.clock, **overrides}
        async with running_service(exchange, data_dir, port=port, **chosen) as service:
            yield service, exchange


async def quoted(service: RunningService, instrument_id: str) -> dict[str, Any]:
    """The price of one instrument, which it must have."""
    response = await service.ask(f"query ($id: ID!) {{ quote(id: $id) {{ {QUOTE} }} }}", id=instrument_id)
    assert "errors" not in response, response["errors"]
    return dict(response["data"]["quote"])


def codes(response: Mapping[str, Any]) -> dict[str, str]:
    """The code of each error by its path, as `quotes.1`."""
    errors = response.get("errors", [])
    return {".".join(map(str, error["path"])): error["extensions"]["code"] for error in errors}


async def provider(service: RunningService, name: str) -> dict[str, Any]:
    """One source as the board shows it."""
    fields = "name state subscribedInstruments ticksPerSecond breakers { capability state failures problem retryInMs }"
    providers = (await service.ask(f"{{ providers {{ {fields} }} }}"))["data"]["providers"]
    (found,) = (each for each in providers if each["name"] == name)
    return dict(found)


async def breaker(service: RunningService, name: str, capability: str) -> dict[str, Any]:
    """One circuit as the board shows it."""
    (found,) = (each for each in (await provider(service, name))["breakers"] if each["capability"] == capability)
    return dict(found)


async def until_state(service: RunningService, name: str, state: str) -> None:
    """Returns when a source is in this state."""
    with anyio.fail_after(PATIENCE):
        while (await provider(service, name))["state"] != state:  # noqa: ASYNC110 - seen from outside
            await anyio.sleep(0.02)
