"""Who holds which place: the lowest mode that serves all, linger, heat, and never more than fit."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.domain.errors import NotSupported
from app.domain.quotes import StreamMode
from app.streaming.interest import Claim, Interest
from tests.streaming.stage import an_instrument, instruments

LTP, QUOTE, FULL = (Claim(mode) for mode in StreamMode)
TICKS = Claim(StreamMode.FULL, every_tick=True)
CAPACITY = 4


class Watched:
    """An interest and what it told."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.changes = 0
        self.recorded: set[str] = set()
        self.interest = Interest(capacity, linger=30, hot_for=60, on_change=self.changed, on_recording=self.record)

    def changed(self) -> None:
        """Count it."""
        self.changes += 1

    def record(self, instrument_id: str, recording: bool) -> None:  # noqa: FBT001 -- the callback's shape
        """Keep who is recorded; telling the same twice is a bug."""
        assert (instrument_id in self.recorded) is not recording
        (self.recorded.add if recording else self.recorded.remove)(instrument_id)

    @property
    def symbols(self) -> list[str]:
        """What is wanted."""
        return [want.instrument.symbol for want in self.interest.wanted.values()]


def test_the_mode_is_the_lowest_that_serves_everyone() -> None:
    watched = Watched()
    interest = watched.interest
    for claim in (LTP, TICKS, QUOTE):
        interest.hold(instruments("A"), claim)
    assert (interest.wanted["NSE:A"].mode, interest.wanted["NSE:A"].every_tick) == (StreamMode.FULL, True)
    interest.release(["NSE:A"], TICKS, 0.0)
    interest.expire(29.9)
    assert watched.recorded == {"NSE:A"}
    interest.expire(30.0)
    assert (interest.wanted["NSE:A"].mode, interest.wanted["NSE:A"].every_tick) == (StreamMode.QUOTE, False)
    assert watched.recorded == set()


def test_the_last_one_leaves_after_the_linger() -> None:
    watched = Watched()
    for _ in range(2):
        watched.interest.hold(instruments("A"), LTP)
    watched.interest.release(["NSE:A"], LTP, 0.0)
    watched.interest.expire(1_000.0)
    assert watched.symbols == ["A"]
    watched.interest.release(["NSE:A"], LTP, 1_000.0)
    watched.interest.expire(1_029.0)
    assert watched.symbols == ["A"]
    watched.interest.expire(1_030.0)
    assert watched.symbols == []


def test_a_stream_beyond_the_capacity_is_told_the_limit() -> None:
    watched = Watched()
    rejected = watched.interest.hold(instruments("A", "B", "C", "D", "E"), LTP)
    assert rejected.keys() == {"NSE:E"}
    assert isinstance(rejected["NSE:E"], NotSupported)
    assert "at most 4 instruments" in rejected["NSE:E"].message


def test_an_instrument_without_a_token_is_refused() -> None:
    rejected = Watched().interest.hold([an_instrument("A", token=None)], LTP)
    assert "no instrument token" in rejected["NSE:A"].message


def test_a_stream_takes_the_place_of_the_oldest_hot_one_then_of_a_lingering_one() -> None:
    watched = Watched()
    interest = watched.interest
    interest.hold(instruments("L"), LTP)
    interest.release(["NSE:L"], LTP, 0.0)
    interest.heat(instruments("H1"), 0.0)
    interest.heat(instruments("H2"), 1.0)
    interest.hold(instruments("S1", "S2"), LTP)
    assert watched.symbols == ["L", "H2", "S1", "S2"]
    assert interest.hold(instruments("S3", "S4", "S5"), LTP).keys() == {"NSE:S5"}
    assert watched.symbols == ["S1", "S2", "S3", "S4"]


def test_heat_takes_only_the_place_of_older_heat() -> None:
    """A list that is longer than the room keeps its first ones, and streams are left alone."""
    watched = Watched()
    watched.interest.hold(instruments("S"), LTP)
    watched.interest.heat(instruments("A", "B", "C", "D"), 0.0)
    assert watched.symbols == ["S", "A", "B", "C"]
    watched.interest.heat(instruments("D"), 1.0)
    assert watched.symbols == ["S", "B", "C", "D"]


def test_heat_ends_unless_it_is_renewed() -> None:
    watched = Watched()
    watched.interest.heat(instruments("A", "B"), 0.0)
    watched.interest.heat(instruments("A"), 30.0)
    watched.interest.expire(60.0)
    assert watched.symbols == ["A"]
    watched.interest.expire(90.0)
    assert watched.symbols == []


def test_asking_again_at_once_changes_nothing() -> None:
    """A query that is asked a thousand times a second is no news to the source."""
    watched = Watched()
    watched.interest.heat(instruments("A"), 0.0)
    told = watched.changes
    for _ in range(100):
        watched.interest.heat(instruments("A"), 1.0)
    assert watched.changes == told == 1


symbols = st.sampled_from("ABCDEFG")
claims = st.sampled_from([LTP, QUOTE, FULL, TICKS])


class InterestMachine(RuleBasedStateMachine):
    """Any sequence of streams, queries and time."""

    def __init__(self) -> None:
        super().__init__()
        self.watched = Watched()
        self.held: list[tuple[str, Claim]] = []
        self.now = 0.0

    @rule(symbol=symbols, claim=claims)
    def hold(self, symbol: str, claim: Claim) -> None:
        """A stream opens; it is refused only if streams hold every place."""
        before = {held for held, _ in self.held}
        rejected = self.watched.interest.hold(instruments(symbol), claim)
        assert bool(rejected) is (symbol not in before and len(before) == CAPACITY)
        if not rejected:
            self.held.append((symbol, claim))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        """A stream closes."""
        symbol, claim = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        self.watched.interest.release([f"NSE:{symbol}"], claim, self.now)

    @rule(names=st.lists(symbols))
    def heat(self, names: list[str]) -> None:
        """A query asks."""
        self.watched.interest.heat(instruments(*names), self.now)

    @rule(seconds=st.sampled_from([1.0, 20.0, 31.0, 61.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        self.watched.interest.expire(self.now)

    @invariant()
    def what_is_held_is_wanted_in_its_mode(self) -> None:
        """Never above the capacity, never below what a stream was promised."""
        wanted = self.watched.interest.wanted
        assert len(wanted) <= CAPACITY
        for symbol, claim in self.held:
            assert wanted[f"NSE:{symbol}"].mode >= claim.mode
            assert wanted[f"NSE:{symbol}"].every_tick >= claim.every_tick
        assert self.watched.recorded == {name for name, want in wanted.items() if want.every_tick}

    def teardown(self) -> None:
        """When everyone has left and time has passed, nothing is wanted."""
        for symbol, claim in self.held:
            self.watched.interest.release([f"NSE:{symbol}"], claim, self.now)
        self.watched.interest.expire(self.now + 61)
        assert self.watched.interest.wanted == {}
        assert not any(self.watched.interest._spare.values())


TestInterest = InterestMachine.TestCase
TestInterest.settings = settings(max_examples=60, stateful_step_count=30)
