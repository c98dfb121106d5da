"""Phases as the services ask for them."""

from datetime import datetime

import pytest

from app.domain.calendar import TradingCalendar, always_open_calendar
from app.domain.instruments import Exchange, Instrument, InstrumentKind
from app.domain.phases import Phase
from app.domain.time import IST
from app.services.phases import PhaseService
from tests.calendar.builders import FUTURE, INDEX, STOCK, instrument

AUCTION = datetime(2026, 11, 23, 15, 20, tzinfo=IST)
NIGHT = datetime(2026, 11, 23, 23, 58, tzinfo=IST)


@pytest.fixture
def service(shipped: TradingCalendar) -> PhaseService:
    """Every instrument that is asked about has derivatives."""
    return PhaseService(shipped, lambda _: True)


def test_a_stock_with_derivatives_is_in_its_auction(service: PhaseService) -> None:
    """What the exchange's ordinary hours say differs."""
    assert service.phase_of(STOCK, AUCTION).phase is Phase.CLOSING_AUCTION
    assert service.exchange_phase(Exchange.NSE, AUCTION).phase is Phase.OPEN


@pytest.mark.parametrize("one", [INDEX, FUTURE], ids=["index", "future"])
def test_only_stocks_are_looked_up(shipped: TradingCalendar, one: Instrument) -> None:
    """Indices and derivatives have no closing auction, whatever is written on them."""
    asked: list[str] = []

    def no_derivatives(instrument_id: str) -> bool:
        asked.append(instrument_id)
        return False

    service = PhaseService(shipped, no_derivatives)
    assert service.phase_of(one, AUCTION).phase is Phase.OPEN
    assert service.phase_of(STOCK, AUCTION).phase is Phase.OPEN
    assert asked == [STOCK.id]


def test_open_means_that_prices_move(service: PhaseService) -> None:
    """True in auctions too, False when closed, None where nobody knows."""
    assert service.is_open(STOCK, AUCTION) is True
    assert service.is_open(STOCK, NIGHT) is False
    assert service.is_open(STOCK, NIGHT.replace(year=2027)) is None
    assert service.is_open(instrument(Exchange.NSEIX, STOCK.kind), AUCTION) is None


@pytest.mark.parametrize("at", [AUCTION, NIGHT, NIGHT.replace(year=2027)])
def test_hours_of_many_are_those_of_each(shipped: TradingCalendar, at: datetime) -> None:
    """Whatever they share, and in whichever order they are asked."""
    service = PhaseService(shipped, lambda instrument_id: instrument_id == STOCK.id)
    many = [instrument(exchange, kind) for exchange in Exchange for kind in InstrumentKind]
    open_then = service.open_at(at)
    for one in (*many, STOCK, INDEX, FUTURE, *many):
        assert open_then(one) == service.is_open(one, at)


@pytest.mark.parametrize(
    ("at", "trading"),
    [
        (AUCTION, True),
        (datetime(2026, 11, 23, 23, 50, tzinfo=IST), True),
        (NIGHT, False),
        (datetime(2026, 12, 25, 12, 0, tzinfo=IST), False),
        (datetime(2026, 11, 8, 12, 0, tzinfo=IST), None),
        (datetime(2027, 1, 4, 12, 0, tzinfo=IST), None),
    ],
    ids=["day", "commodities at night", "night", "Christmas", "Muhurat", "next year"],
)
def test_whether_anything_trades(service: PhaseService, *, at: datetime, trading: bool | None) -> None:
    """What the ticker's liveness rule wants to know."""
    assert service.any_trading(at) is trading


def test_the_sandbox_always_trades() -> None:
    """Around the clock, for instruments of any exchange."""
    service = PhaseService(always_open_calendar(), lambda _: False)
    assert service.any_trading(NIGHT) is True
    assert service.is_open(STOCK, NIGHT) is True
