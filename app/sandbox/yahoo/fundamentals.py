"""Numbers of a company that do not move with every tick: deterministic inventions from the seed and the symbol.

Comes in: a seed and a security. Goes out: `Fundamentals`. Some symbols lack some of them, as Yahoo's do. Read by the
quotes and the summaries, which therefore agree. The range of a year is an estimate around the security's level, not
that of its bars: looking at a year's bars would cost 130 ms a symbol.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from app.sandbox.noise import key_of
from app.sandbox.yahoo.directory import Security

FIRST_TRADE = datetime(2017, 1, 2, tzinfo=UTC)
"""No bar is older; ten years of days take a second and a half to make."""
SECTORS = (
    ("Technology", "Information Technology Services"),
    ("Financial Services", "Banks - Regional"),
    ("Energy", "Oil & Gas Refining & Marketing"),
    ("Consumer Defensive", "Household & Personal Products"),
    ("Industrials", "Engineering & Construction"),
    ("Healthcare", "Drug Manufacturers - Specialty & Generic"),
    ("Basic Materials", "Steel"),
    ("Utilities", "Utilities - Regulated Electric"),
)
LACKING = 5
"""One company in so many makes a loss, pays no dividend, or is followed by no analyst."""
MARKET_VALUE = 2e12
"""Of an average company, in its currency."""


@dataclass(frozen=True, slots=True)
class Fundamentals:
    """One security's. Amounts in its currency; fractions, not percent, but where the name says percent."""

    shares: int
    eps: float | None
    """Earnings a share of the last twelve months; below zero for a loss, None where nothing is known."""
    eps_forward: float | None
    book_value: float
    dividend: float | None
    """A share and year."""
    beta: float
    sector: str
    industry: str
    employees: int
    year_high: float
    year_low: float
    average_volume: int
    """A day."""
    analyst_mean: float | None
    """1 is a strong buy, 5 a sell."""


class Draws:
    """Repeatable numbers of one symbol, by name."""

    def __init__(self, seed: int, symbol: str) -> None:
        self._seed = seed
        self._symbol = symbol

    def number(self, name: str, low: float, high: float) -> float:
        """Between two bounds."""
        return low + (high - low) * ((key_of(self._seed, self._symbol, name) & 0xFFFFFF) / 0x1000000)

    def one_in(self, name: str, count: int) -> bool:
        """True for one symbol in `count`."""
        return key_of(self._seed, self._symbol, name) % count == 0

    def choice(self, name: str, count: int) -> int:
        """A whole number below `count`."""
        return key_of(self._seed, self._symbol, name) % count


def fundamentals(seed: int, security: Security) -> Fundamentals:
    """Of one security; pure."""
    draws = Draws(seed, f"yahoo:{security.symbol}")
    level = security.base_price
    eps = level / draws.number("pe", 9.0, 62.0)
    loss = draws.one_in("loss", LACKING * 3)
    sector, industry = SECTORS[draws.choice("sector", len(SECTORS))]
    return Fundamentals(
        shares=int(MARKET_VALUE * draws.number("size", 0.05, 3.0) / level),
        eps=None if draws.one_in("eps", LACKING * 3) else round(-eps / 4 if loss else eps, 2),
        eps_forward=None if draws.one_in("forward", LACKING) else round(eps * draws.number("growth", 1.02, 1.3), 2),
        book_value=round(level / draws.number("pb", 1.1, 9.0), 3),
        dividend=None if draws.one_in("dividend", LACKING) else round(level * draws.number("yield", 0.002, 0.04), 2),
        beta=round(draws.number("beta", 0.3, 1.7), 3),
        sector=sector,
        industry=industry,
        employees=int(draws.number("employees", 900, 320_000)),
        year_high=level * (1.0 + draws.number("high", 0.12, 0.3)),
        year_low=level * (1.0 - draws.number("low", 0.12, 0.3)),
        average_volume=int(3e9 * draws.number("volume", 0.3, 1.5) / level),
        analyst_mean=None if draws.one_in("analysts", LACKING) else round(draws.number("mean", 1.3, 3.9), 1),
    )
