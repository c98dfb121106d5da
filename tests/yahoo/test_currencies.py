"""What Yahoo's own symbols are quoted in: from the tables, else by Yahoo's word, and never made up."""

import pytest

from app.domain.errors import NotPriced
from app.domain.instruments import NO_CURRENCY, Instrument
from app.providers.yahoo.adapter import Yahoo
from app.providers.yahoo.currencies import LearnedCurrencies
from tests.yahoo.fake_yahoo import FakeYahoo, quote_row, quotes
from tests.yahoo.samples import INFY


def own(yahoo: Yahoo, symbol: str) -> Instrument:
    """The instrument of a symbol of Yahoo's own, as it is known at this moment."""
    found = yahoo.currencies.own_instrument(f"YAHOO:{symbol}")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("symbol", "said", "before", "after", "divisor"),
    [
        ("^BVSP", "BRL", "BRL", "BRL", 1),
        ("^STI", "SGD", "SGD", "SGD", 1),
        ("^CNXFIN", "INR", "INR", "INR", 1),
        ("^UNHEARD", "BRL", NO_CURRENCY, "BRL", 1),
        ("SHARE.ZZ", "SGD", NO_CURRENCY, "SGD", 1),
        ("BTC-CAD", "CAD", "CAD", "CAD", 1),
        ("X=X", "PLN", NO_CURRENCY, "PLN", 1),
        ("VUSD.L", "USD", "GBP", "USD", 1),
        ("VOD.L", "GBp", "GBP", "GBP", 100),
        ("ZC=F", "USX", "USD", "USD", 100),
        ("SHARE.ZZ", "not a currency", NO_CURRENCY, NO_CURRENCY, 1),
        ("SHARE.ZZ", None, NO_CURRENCY, NO_CURRENCY, 1),
    ],
)
async def test_a_price_is_taken_as_it_is_and_the_instrument_learns_its_currency(  # noqa: PLR0913 -- one table
    fake: FakeYahoo, yahoo: Yahoo, *, symbol: str, said: str | None, before: str, after: str, divisor: int
):
    """What nobody knows is said to be unknown; what is only usual gives way to Yahoo's word."""
    instrument = own(yahoo, symbol)
    assert instrument.currency == before
    fake.usual = quotes(quote_row(symbol, currency=said, regularMarketPrice=150.0))
    batch = await yahoo.quotes.quotes([instrument])
    assert batch.quotes[instrument.id].last_price == 150 / divisor
    assert own(yahoo, symbol).currency == after


@pytest.mark.parametrize("symbol", ["^BVSP", "^GSPC", "INFY.NS", "^NSEI"])
async def test_a_price_that_contradicts_the_tables_is_refused(fake: FakeYahoo, yahoo: Yahoo, symbol: str):
    """Their currency is certain, so it is the price of something else; nothing is learned from it."""
    instrument = own(yahoo, symbol)
    fake.usual = quotes(quote_row(symbol, currency="AED"))
    with pytest.raises(NotPriced, match=r"Yahoo has YAHOO:.* in AED, and it is quoted in"):
        await yahoo.quotes.quotes([instrument])
    assert own(yahoo, symbol) == instrument


async def test_an_instrument_of_india_learns_nothing(fake: FakeYahoo, yahoo: Yahoo):
    """Its master tells."""
    fake.usual = quotes(quote_row("INFY.NS", currency="USD"))
    with pytest.raises(NotPriced):
        await yahoo.quotes.quotes([INFY])
    assert yahoo.currencies.own_instrument(INFY.id) is None


def test_what_was_learned_first_is_forgotten_first():
    """Memory is bounded; it is learned again with the next price."""
    known = LearnedCurrencies(capacity=2)
    known.learn_all({"^A": "BRL", "^B": "SGD", "^C": "CHF"})
    learned = [known.own_instrument(f"YAHOO:^{name}") for name in "ABC"]
    assert [each.currency for each in learned if each is not None] == [NO_CURRENCY, "SGD", "CHF"]
