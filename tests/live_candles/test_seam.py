"""The law of the seam: whatever happens to stream and history, a follower ends with the true bars, each told once."""

from collections.abc import Callable
from dataclasses import dataclass

from anyio import run
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.domain.candles import Candle, CandleState, Interval
from tests.live_candles.stage import Follower, Stage, a_stage, values

FORMING, FINAL, CORRECTED = CandleState
INTERVALS = st.sampled_from([Interval.MINUTE, Interval.MINUTE_3])
CALM_SECONDS = 400.0
"""Until every bar has ended and its official one was asked for, with all pauses after failures."""


@dataclass(frozen=True)
class Step:
    """After some time, something happens."""

    seconds: float
    what: str
    number: int = 0


def steps(*, faults: bool) -> st.SearchStrategy[list[Step]]:
    """Trades, subscriptions, and what can go wrong."""
    seconds = st.integers(1, 450).map(lambda tenths: tenths / 10)
    trade = st.builds(Step, seconds, st.just("trade"), st.integers(1, 12))
    follow = st.builds(Step, seconds, st.just("follow"), st.integers(0, 8))
    fault = st.builds(Step, seconds, st.sampled_from(["missed trade", "break", "mend", "fail", "recover", "slow"]))
    return st.lists(st.one_of(trade, trade, follow, *([fault] if faults else [])), min_size=3, max_size=40)


class Play:
    """A stage that takes steps, and remembers who followed when."""

    def __init__(self, stage: Stage, interval: Interval) -> None:
        self.stage = stage
        self.interval = interval
        self.followers: list[tuple[Follower, int, list[Candle]]] = []
        """With the length of the snapshot, and the bars that were true when it was asked for."""
        market = stage.market
        self.acts: dict[str, Callable[[], None]] = {
            "break": market.disconnect,
            "mend": market.connect,
            "fail": lambda: setattr(market, "failing", True),
            "recover": lambda: setattr(market, "failing", False),
            "slow": lambda: setattr(market, "latency", 25.0),
        }

    async def take(self, step: Step) -> None:
        """Let the time pass, and do it."""
        await self.stage.clock.advance(step.seconds)
        if step.what in self.acts:
            self.acts[step.what]()
        elif step.what == "follow":
            known = self.stage.market.bars(self.interval)
            self.followers.append((await self.stage.follow(step.number, self.interval), step.number, known))
        else:
            price, quantity = 100 + (step.number * 7 % 11) * 0.05, step.number + 1
            self.stage.market.trade(price, quantity, silently=step.what != "trade")

    async def calm_down(self) -> None:
        """Everything works again, and goes on until the last bar is settled."""
        market = self.stage.market
        market.failing, market.latency = False, 0.0
        if not market.connected:
            market.connect()
        await self.stage.clock.advance(1)
        market.trade(100.0)
        await self.stage.clock.advance(CALM_SECONDS)


async def play(script: list[Step], interval: Interval, check: Callable[[Play], None]) -> None:
    async with a_stage() as stage:
        stage.market.trade(100.0)
        scene = Play(stage, interval)
        for step in script:
            await scene.take(step)
        await scene.calm_down()
        check(scene)


def check_truth(scene: Play) -> None:
    true = values(scene.stage.market.bars(scene.interval))
    for follower, snapshot, known in scene.followers:
        told = known_to(follower)
        chart = values([bar for bar in follower.chart if bar in told])
        assert chart == true[len(true) - len(chart) :], "a hole, a double, or a wrong bar"
        assert chart, "not one bar"
        if follower.updates[0].count < max(snapshot, 1):
            over = [bar for bar in known if bar.state is FINAL]
            assert len(chart) >= len(true) - len(over), "what ended after the subscription is missing"
        check_order(told)


def known_to(follower: Follower) -> list[Candle]:
    """All that was told, but for corrections of bars that ended before it came: those are for pages that asked."""
    first = min(bar.time for bar in follower.told if bar.state is not CORRECTED)
    return [bar for bar in follower.told if bar.time >= first]


def check_order(told: list[Candle]) -> None:
    """FORMING any number of times, then FINAL once, then CORRECTED; one who came late may hear of the last alone."""
    states: dict[object, CandleState] = {}
    for bar in told:
        before = states.get(bar.time)
        if bar.state is CORRECTED:
            assert before is not FORMING
        else:
            assert before in {None, FORMING}
        states[bar.time] = bar.state
    assert all(state is not FORMING for state in states.values()), "a bar that never ended"


def check_no_correction(scene: Play) -> None:
    check_truth(scene)
    for follower, snapshot, known in scene.followers:
        assert min(snapshot, len(known)) <= follower.updates[0].count <= snapshot
        assert all(bar.state is not CORRECTED for bar in follower.told)


LATE_FIND = [
    Step(0.1, "trade", 1),
    Step(0.1, "trade", 1),
    Step(14.8, "fail"),
    Step(45.0, "follow", 0),
    Step(0.1, "mend"),
    Step(0.1, "missed trade"),
    Step(15.8, "recover"),
    Step(45.0, "follow", 0),
    Step(0.1, "break"),
]
"""The second follower hears of the first minute, found late; the one after it was told before it came."""


@settings(max_examples=120)
@example(LATE_FIND, Interval.MINUTE)
@given(steps(faults=True), INTERVALS)
def test_a_follower_ends_with_the_true_bars_whatever_went_wrong(script: list[Step], interval: Interval) -> None:
    """Breaks of the stream, missed ticks, a history that is slow or down, subscriptions at any moment."""
    run(play, script, interval, check_truth)


@settings(max_examples=60)
@given(steps(faults=False), INTERVALS)
def test_on_a_sound_stream_no_bar_needs_a_correction(script: list[Step], interval: Interval) -> None:
    """What ticks and one answer of the source make is the exchange's bar, from the first one on."""
    run(play, script, interval, check_no_correction)
