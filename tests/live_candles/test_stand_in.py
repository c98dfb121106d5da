"""Live candles where another source answers for the history: its bars are labelled, and never lie among ours."""

from app.domain.candles import CandleState
from app.domain.provenance import DataSource
from tests.live_candles.stage import a_stage, values
from tests.services.fakes import an_instrument

DEAR = 900.0
"""The stand-in's prices are above, ours below."""


async def test_while_the_stream_is_down_the_snapshot_is_the_stand_ins_and_says_so() -> None:
    """Nothing of ours is in it."""
    async with a_stage() as stage:
        await stage.play((100.0, 5), 60, (101.0, 5), 60)
        stage.market.disconnect()
        stage.market.stands_in = True
        follower = await stage.follow(2)
        await stage.play(20)
        first = follower.updates[0]
        assert [bar.close for bar in first.candles] == [1000.0, 1010.0]
        assert [(share.source, share.candles) for share in first.sources] == [(DataSource.YAHOO, 2)]
        assert first.fallback_reason == "KITE: SOURCE_UNAVAILABLE: it is down"


async def test_bars_of_a_stand_in_correct_none_of_ours() -> None:
    """What ticks made stays until the first choice is back; then its official bars come."""
    async with a_stage() as stage:
        await stage.play((100.0, 5), 60)
        follower = await stage.follow(0)
        await stage.play((101.0, 5), 60)
        stage.market.stands_in = True
        await stage.play((102.0, 5), 60, (103.0, 5), 60, (104.0, 5), 30)
        assert follower.told
        assert all(bar.close < DEAR for bar in follower.told)

        stage.market.stands_in = False
        await stage.play(120)
        assert all(bar.close < DEAR for bar in follower.told)
        truth = {bar.time: bar for bar in values(stage.market.bars())}
        ended = [bar for bar in follower.chart if bar.state is not CandleState.FORMING]
        assert len(ended) >= 3
        assert values(ended) == [truth[bar.time] for bar in ended]


async def test_bars_are_labelled_as_the_stream_that_made_them() -> None:
    """World symbols are streamed by Yahoo, whatever else is."""
    async with a_stage(an_instrument("YAHOO:^GSPC")) as stage:
        follower = await stage.follow(0)
        await stage.play((5000.0, 1), 61, (5001.0, 1), 61)
        assert {share.source for update in follower.updates for share in update.sources} == {DataSource.YAHOO}
