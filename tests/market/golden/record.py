"""Record the hour: `python -m tests.market.golden.record` writes hour.json anew.

Comes in: the sandbox's market, whose every number is a pure function of seed and instant, under the calendar of India's
exchanges. Goes out: of every input of the context and every member of NIFTY 50 the price of each minute, and the closes
of finished sessions. What was recorded is data: the golden test reads the file alone, so a change of the sandbox does
not change it.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from app.domain.calendar import load_calendar
from app.domain.index_lists import shipped_lists
from app.domain.time import ist_date
from app.sandbox.market import SimulatedMarket
from app.sandbox.shapes import Bar
from app.sandbox.yahoo.world import WorldMarket
from app.services.market_context.inputs import load_inputs
from tests.support.clock import MONDAY_MORNING

FILE = Path(__file__).with_name("hour.json")
SEED = 1
MINUTES = 60
YEAR_AND_A_HALF = timedelta(days=550)


class Recorder:
    """Both markets of the sandbox, with one seed."""

    def __init__(self) -> None:
        self._india = SimulatedMarket(seed=SEED, calendar=load_calendar(), today=MONDAY_MORNING.date())
        self._world = WorldMarket(seed=SEED, always_open=False)
        self._tokens = {row.instrument.id: row.instrument.instrument_token or 0 for row in self._world.listed}

    def prices(self, key: str) -> dict[str, Any]:
        """The previous close, and by minute the last price; of shares also volume and average price."""
        if key in self._tokens:
            return self._abroad(key)
        token = self._token(key)
        shots = [shot for at in _instants() if (shot := self._india.snapshot(token, at)) is not None]
        recorded: dict[str, Any] = {"previous_close": shots[0].close, "last": [shot.last_price for shot in shots]}
        if shots[0].volume is not None:
            recorded |= {"volume": [shot.volume for shot in shots], "average": [shot.average_price for shot in shots]}
        return recorded

    def closes(self, key: str, sessions: int) -> list[tuple[str, float]]:
        """Date and close of the last finished sessions, oldest first."""
        token, end = self._token(key), MONDAY_MORNING.replace(hour=0)
        bars = self._india.candles(token, "day", end - YEAR_AND_A_HALF, end, now=MONDAY_MORNING)
        return [(ist_date(bar.time).isoformat(), bar.close) for bar in bars[-sessions:]]

    def _token(self, key: str) -> int:
        return self._india.by_key[key].instrument.instrument_token or 0

    def _abroad(self, key: str) -> dict[str, Any]:
        days = [self._days(self._tokens[key], at) for at in _instants()]
        return {"previous_close": days[0][-2].close, "last": [bars[-1].close for bars in days]}

    def _days(self, token: int, at: datetime) -> list[Bar]:
        return self._world.candles(token, "day", at - timedelta(days=7), at, now=at)


def _instants() -> Iterator[datetime]:
    return (MONDAY_MORNING + timedelta(minutes=minute) for minute in range(MINUTES))


def recorded_hour() -> dict[str, Any]:
    """Everything, as it stands in the file."""
    recorder, inputs, members = Recorder(), load_inputs(), shipped_lists()[-1]
    return {
        "source": f"the sandbox with seed {SEED}: python -m tests.market.golden.record",
        "from": MONDAY_MORNING.isoformat(),
        "members": {"as_of": members.valid_from.isoformat(), "ids": members.members},
        "closes": {key: recorder.closes(key, sessions) for key, sessions in inputs.sessions_of.items()},
        "prices": {key: recorder.prices(key) for key in dict.fromkeys((*inputs.quoted, *members.members))},
    }


def main() -> None:
    """Write the file, a line an instrument."""
    hour = recorded_hour()
    lines = []
    for name, value in hour.items():
        if name in ("closes", "prices"):
            rows = ",\n".join(f"  {json.dumps(key)}: {json.dumps(row)}" for key, row in value.items())
            lines.append(f"{json.dumps(name)}: {{\n{rows}\n}}")
        else:
            lines.append(f"{json.dumps(name)}: {json.dumps(value)}")
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
