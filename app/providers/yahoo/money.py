"""Currency and precision of Yahoo's prices: its floats carry more digits than the exchange, and London counts in pence.

Pure; called by the parsers and the stream.
"""

from dataclasses import dataclass
from decimal import Decimal

from app.domain.errors import NotPriced
from app.domain.instruments import Exchange, Instrument, InstrumentKind
from app.providers.yahoo.symbols import is_currency_certain

MINOR_UNITS = {"GBp": ("GBP", 100), "GBX": ("GBP", 100), "ZAc": ("ZAR", 100), "ILA": ("ILS", 100), "USX": ("USD", 100)}
"""Where Yahoo's prices are in hundredths."""
USUAL_DIGITS = 2
RATE_DIGITS = 4
"""Of a currency: a pip."""
MOST_DIGITS = 8
"""Beyond that it is noise of the float, whatever the hint says."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How numbers of one instrument become its prices."""

    digits: int
    """Decimal places that are kept."""
    divisor: int = 1
    currency: str | None = None
    """What the prices are in; None where Yahoo does not say."""

    def price(self, value: float) -> float:
        """The instrument's price for a number of Yahoo's."""
        return round(value / self.divisor, self.digits)

    def known(self, value: float | None) -> float | None:
        """The same; None stays None."""
        return None if value is None else self.price(value)


def scale_of(instrument: Instrument, *, currency: str | None, hint: int | None) -> Scale:
    """How the instrument's numbers are read, when Yahoo says they are in `currency` with `hint` decimal places.

    Raises NotPriced where the instrument's own currency is certain and another one: no rate is applied, and no label
    bent. Of the others Yahoo alone knows (see `currencies`).
    """
    unit, divisor = MINOR_UNITS.get(currency or "", (currency, 1))
    if unit is not None and unit != instrument.currency and _is_certain(instrument):
        raise NotPriced(
            f"Yahoo has {instrument.id} in {unit}, and it is quoted in {instrument.currency}: its price is not used"
        )
    extra = 2 if divisor > 1 else 0
    return Scale(min(MOST_DIGITS, digits_of(instrument, hint) + extra), divisor, unit)


def _is_certain(instrument: Instrument) -> bool:
    return instrument.exchange is not Exchange.YAHOO or is_currency_certain(instrument.symbol)


def digits_of(instrument: Instrument, hint: int | None) -> int:
    """Decimal places of the instrument's prices: its tick's, else Yahoo's hint, else what is usual for its kind."""
    usual = RATE_DIGITS if instrument.kind is InstrumentKind.CURRENCY else USUAL_DIGITS
    if instrument.tick_size:
        exponent = Decimal(str(instrument.tick_size)).normalize().as_tuple().exponent
        return max(usual, -exponent) if isinstance(exponent, int) else usual
    return max(usual, min(hint, MOST_DIGITS)) if hint is not None and hint >= 0 else usual
