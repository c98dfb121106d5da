"""Which instruments the context looks at: dated data in `app/domain/data/market_inputs.json`.

Read once by the runtime; asked by the context's service.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources

FILE = "market_inputs.json"


@dataclass(frozen=True, slots=True)
class MarketInputs:
    """Ids of instruments by what they are for."""

    as_of: date
    """When the list was compiled."""
    trend: str
    """The index whose trend is told, and against which sectors are compared."""
    volatility: str
    indices: tuple[str, ...]
    sectors: Mapping[str, str]
    """Id of the index by the sector's name."""
    world: tuple[str, ...]
    currencies: tuple[str, ...]
    commodities: tuple[str, ...]

    @property
    def quoted(self) -> tuple[str, ...]:
        """Every id of which the present price is needed, each once."""
        ids = [
            self.trend,
            self.volatility,
            *self.indices,
            *self.sectors.values(),
            *self.world,
            *self.currencies,
            *self.commodities,
        ]
        return tuple(dict.fromkeys(ids))

    @property
    def sessions_of(self) -> Mapping[str, int]:
        """How many finished sessions are needed of which id; the most urgent first."""
        return {self.trend: 60, self.volatility: 260} | dict.fromkeys(self.sectors.values(), 30)


def load_inputs() -> MarketInputs:
    """The inputs that ship."""
    raw = json.loads(resources.files("app.domain").joinpath("data", FILE).read_text(encoding="utf-8"))
    return MarketInputs(
        as_of=date.fromisoformat(raw["as_of"]),
        trend=raw["trend"],
        volatility=raw["volatility"],
        indices=tuple(raw["indices"]),
        sectors=raw["sectors"],
        world=tuple(raw["world"]),
        currencies=tuple(raw["currencies"]),
        commodities=tuple(raw["commodities"]),
    )
