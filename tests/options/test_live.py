"""Live chains: sent when a price has changed, kept in the stream, and cheap while nothing happens."""

from collections.abc import AsyncGenerator

import anyio
import pytest

from app.domain.instruments import InstrumentKind
from app.domain.options import OptionChain
from app.domain.provenance import Cost
from app.services.options import chain
from app.services.options.chain import MARGIN
from tests.options.market import FAR, NIFTY, STRIKES, Market, derivative

OPTION = derivative(InstrumentKind.PUT, FAR, 24_550.0)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for the eye of a person."""
    monkeypatch.setattr(chain, "SHORTEST_THROTTLE", 0.01)


def updates_of(market: Market, cost: Cost | None = None) -> AsyncGenerator[OptionChain, None]:
    """A live chain of three rows."""
    return market.chains.updates(
        NIFTY.id, expiry=FAR, strikes_each_side=1, throttle=0.0, cost=Cost() if cost is None else cost
    )


def streamed() -> Market:
    """A market of which everything is in the stream."""
    market = Market()
    market.price_options(FAR, 24_560.0)
    market.streamed = set(market.quoted)
    return market


async def test_time_that_passes_is_no_change_of_a_price() -> None:
    """Volatilities move with the seconds that are left; nobody is told for that alone."""
    market = streamed()
    market.streamed.clear()
    updates = updates_of(market)
    await anext(updates)
    with anyio.move_on_after(0.1):
        market.clock.advance(1.0)
        await anext(updates)
        pytest.fail("a chain came, though no price had changed")
    await updates.aclose()


async def test_what_is_streamed_is_not_asked_for_again_until_it_changes() -> None:
    """And no request is made for it."""
    market, cost = streamed(), Cost()
    updates = updates_of(market, cost)
    first = await anext(updates)
    found: list[OptionChain] = []

    async def follow() -> None:
        found.append(await anext(updates))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follow)
        await anyio.sleep(0.1)
        # Once more after it was held, for what came in between; then it waits.
        assert len(market.asked) == 4
        market.put(OPTION, 300.0, interest=5)
        assert market.box is not None
        market.box.put(market.quoted[OPTION.id])
    assert found[0].rows[1].put != first.rows[1].put
    assert found[0].rows[1].call == first.rows[1].call
    assert cost.upstream_calls == 0
    await updates.aclose()


def held_around(market: Market, money: float) -> set[str]:
    """What a live chain of three rows holds: its legs, MARGIN strikes more on each side, and what it is priced on."""
    at = STRIKES.index(money)
    strikes = STRIKES[at - 1 - MARGIN : at + 2 + MARGIN]
    legs = {derivative(kind, FAR, each).id for each in strikes for kind in (InstrumentKind.CALL, InstrumentKind.PUT)}
    return {NIFTY.id, market.future.id, *legs}


def move_money(market: Market, forward: float) -> None:
    """Another price of the future, and the stream tells it."""
    market.put(market.future, forward)
    assert market.box is not None
    market.box.put(market.quoted[market.future.id])


async def test_what_it_shows_is_held_in_the_stream_and_let_go_with_the_client() -> None:
    """With a margin, and also when other strikes are around the money, without a gap."""
    market = streamed()
    updates = updates_of(market)
    assert (await anext(updates)).at_the_money_strike == 24_550.0
    assert market.held == [held_around(market, 24_550.0)]
    move_money(market, 24_660.0)
    assert (await anext(updates)).at_the_money_strike == 24_650.0
    assert market.held == [held_around(market, 24_650.0)]
    await updates.aclose()
    assert market.held == []


@pytest.mark.parametrize("forward", [24_510.0, 24_460.0, 24_610.0, 24_660.0])
async def test_strikes_that_come_to_the_money_were_in_the_stream_before(forward: float) -> None:
    """A chain whose money moves by one strike or two, up or down, costs no request."""
    market, cost = streamed(), Cost()
    updates = updates_of(market, cost)
    await anext(updates)
    market.streamed = set(market.held[0])
    before = len(market.asked)
    move_money(market, forward)
    assert (await anext(updates)).at_the_money_strike == round(forward / 50) * 50
    assert len(market.asked) > before
    assert cost.upstream_calls == 0
    await updates.aclose()


async def test_without_a_stream_it_looks_at_the_clients_own_rate() -> None:
    """Nobody tells it of changes then."""
    market, cost = streamed(), Cost()
    market.streamed.clear()
    updates = updates_of(market, cost)
    await anext(updates)
    market.put(OPTION, 300.0, interest=5)
    await anext(updates)
    assert cost.upstream_calls == 4
    await updates.aclose()
