"""Silence of Yahoo's stream: when it means a dead socket, and what becomes of the prices that it left behind."""

from datetime import datetime, timedelta

import pytest

from app.domain.calendar import load_calendar
from app.domain.instruments import Instrument
from app.domain.provenance import DataSource
from app.domain.quotes import StreamMode
from app.domain.time import IST
from app.ports import Wanted
from app.providers.yahoo.intake import Intake
from app.providers.yahoo.pricing import decode
from app.providers.yahoo.silence import CHECKS, SilenceWatch
from app.providers.yahoo.stream_settings import StreamSettings
from app.providers.yahoo.symbols import yahoo_instrument
from app.providers.yahoo.updates import HOLDS
from app.services.phases import PhaseService
from tests.yahoo.samples import INFY, NOW
from tests.yahoo.streamer import Kept, message

SPX, NIKKEI = yahoo_instrument("^GSPC"), yahoo_instrument("^N225")
SETTINGS = StreamSettings(silence=60.0, longest_silence=1800.0)
REGULAR, POST = 1, 2


class Watched:
    """A watch that looks as often as the stream does."""

    def __init__(self) -> None:
        self.watch = SilenceWatch(SETTINGS)
        self.now, self.frames = 1000.0, 0

    def silent_for(self, limit: float, *, may_trade: bool = True) -> float | None:
        """Seconds after which the present socket counts as dead; None if it does not within the limit."""
        began = self.now
        while self.now - began < limit:
            self.now += self.watch.pause
            if self.watch.is_dead(self.now, self.frames, may_trade=may_trade):
                return self.now - began
        return None

    def life(self, *, frames: int = 0) -> float | None:
        """A socket from its begin to its end by silence, after some frames."""
        self.watch.begin(self.now, self.frames)
        self.frames += frames
        lived = self.silent_for(4000)
        self.watch.end(self.frames, stalled=True)
        return lived


def test_a_silent_socket_is_found_dead_after_the_allowed_silence():
    """At most a tenth late."""
    at = Watched()
    at.watch.begin(at.now, at.frames)
    assert at.silent_for(120) == pytest.approx(SETTINGS.silence, abs=SETTINGS.silence / CHECKS)


def test_silence_that_a_new_socket_does_not_end_is_borne_longer_and_longer():
    """Up to half an hour; the first message that comes makes it short again."""
    at = Watched()
    lives = [round(at.life() or 0) for _ in range(8)]
    assert lives == [60, 120, 240, 480, 960, 1800, 1800, 1800]
    at.life(frames=1)
    assert round(at.life() or 0) == 60


def test_where_nothing_may_trade_silence_is_normal():
    """All night."""
    at = Watched()
    at.watch.begin(at.now, at.frames)
    assert at.silent_for(12 * 3600, may_trade=False) is None


def test_a_loop_that_was_held_up_proves_nothing_about_the_socket():
    """The messages may all wait to be read."""
    at = Watched()
    at.watch.begin(at.now, at.frames)
    at.now += 10 * SETTINGS.silence
    assert not at.watch.is_dead(at.now, at.frames, may_trade=True)
    assert at.silent_for(120) is not None


def intake_of(*instruments: Instrument) -> tuple[Intake, Kept]:
    """What arrives for these, and where it goes."""
    intake, kept = Intake(DataSource.SANDBOX), Kept()
    intake.decode = decode
    wants = {"INFY.NS": INFY, "^GSPC": SPX, "^N225": NIKKEI}
    intake.bind({symbol: (Wanted(each, StreamMode.FULL),) for symbol, each in wants.items() if each in instruments})
    return intake, kept


def world_message(hours: int, price: float = 6000.0) -> str:
    """A price of the S&P 500, as it comes one second after its trade."""
    sent = int((NOW - timedelta(seconds=1)).timestamp() * 1000)
    return message("^GSPC", price, currency="USD", market_hours=hours, time=sent)


def test_a_market_whose_hours_nobody_knows_may_trade_until_yahoo_says_otherwise():
    """On a Saturday at 00:15 India sleeps, and New York has its Friday: silence is no peace there."""
    phases = PhaseService(load_calendar(None), lambda _: False)
    is_open = phases.open_at(datetime(2026, 11, 21, 0, 15, tzinfo=IST))
    assert [is_open(each) for each in (INFY, SPX)] == [False, None]
    intake, _ = intake_of(INFY, SPX)
    assert intake.may_trade(is_open), "nothing was heard yet"
    for hours, expected in ((REGULAR, True), (POST, False), (REGULAR, True)):
        intake.accept(world_message(hours), NOW)
        assert intake.may_trade(is_open) is expected
    assert not intake_of(INFY)[0].may_trade(is_open)
    assert intake_of(INFY)[0].may_trade(lambda _: True)
    assert not intake_of()[0].may_trade(lambda _: True), "nothing is wanted"


def test_that_a_session_is_over_is_said_of_its_last_price():
    """The price stays, with the time when it was received; what trades after hours is no price of the session."""
    intake, kept = intake_of(SPX)
    intake.accept(world_message(REGULAR), NOW)
    intake.flush(kept)
    for price in (5990.0, 5980.0):
        intake.accept(world_message(POST, price), NOW + timedelta(minutes=5))
        intake.flush(kept)
    assert [(each.last_price, each.received_at, each.in_session) for each in kept.quotes] == [
        (6000.0, NOW, True),
        (6000.0, NOW, False),
    ]
    assert {each.holds_for for each in kept.quotes} == {HOLDS}


def test_a_message_teaches_the_currency_of_its_symbol():
    """Of those that are wanted."""
    learned: list[tuple[str, str | None]] = []
    intake = Intake(DataSource.SANDBOX, lambda *what: learned.append(what))
    intake.decode = decode
    intake.bind({"^GSPC": (Wanted(SPX, StreamMode.FULL),)})
    intake.accept(world_message(REGULAR), NOW)
    intake.accept(message("^BVSP", 1.0, currency="BRL"), NOW)
    assert learned == [("^GSPC", "USD")]
