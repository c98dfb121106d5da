"""What a run found: figures by workload and server, the bars that they have to reach, and all of it as JSON."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from bench.contenders import MERCURIUS, OURS, STRAWBERRY


@dataclass(frozen=True, slots=True)
class Bar:
    """What ours has to reach."""

    limit: float
    against: str | None = None
    """The server whose figure is multiplied with it; None: the limit is the figure itself."""
    at_most: bool = False
    """Less is better."""

    def required(self, values: Mapping[str, float]) -> float | None:
        """The figure to reach; None if the other server was not measured."""
        if self.against is None:
            return self.limit
        other = values.get(self.against)
        return None if other is None else self.limit * other

    def is_met(self, values: Mapping[str, float]) -> bool | None:
        """Whether ours reaches it; None if it cannot be told."""
        required, ours = self.required(values), values.get(OURS)
        if required is None or ours is None:
            return None
        return ours <= required if self.at_most else ours >= required

    def __str__(self) -> str:
        if self.against is None:
            return f"{'<' if self.at_most else '>='} {self.limit:,g}"
        return f">= {self.limit:g} x {self.against}"


@dataclass(frozen=True, slots=True)
class Line:
    """One workload."""

    what: str
    unit: str
    values: Mapping[str, float]
    """The median by server."""
    bars: Sequence[Bar] = ()
    remark: str = ""
    runs: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Every run by server."""
    per_cpu: Mapping[str, float] = field(default_factory=dict)
    """The same figure by a second of the server's processor time: what a busy machine does not change."""

    @property
    def rounds(self) -> int:
        """How many runs its median is of."""
        return max(map(len, self.runs.values()), default=1)

    def ratio(self, other: str) -> float | None:
        """Ours by that server's; None if one of them was not measured."""
        return _ratio(self.values, other)

    def cpu_ratio(self, other: str) -> float | None:
        """The same of `per_cpu`."""
        return _ratio(self.per_cpu, other)


def _ratio(values: Mapping[str, float], other: str) -> float | None:
    ours, against = values.get(OURS), values.get(other)
    return None if ours is None or not against else ours / against


def per_cpu(runs: Sequence[tuple[int, float]]) -> float:
    """The median of (how many, processor seconds); 0 where the system does not tell."""
    return median(count / used if used else 0.0 for count, used in runs)


def machine() -> str:
    """What was measured on."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def write_json(path: Path, lines: Sequence[Line], at: datetime, tables: Sequence[Any] = ()) -> None:
    """All figures, for programs and for the README. `tables`: what other modules showed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = {
        "measured_at": at.isoformat(timespec="seconds"),
        "machine": machine(),
        "lines": [as_json(line) for line in lines],
        "tables": tables,
    }
    path.write_bytes(orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def as_json(line: Line) -> dict[str, Any]:
    """A line."""
    return {
        "what": line.what,
        "unit": line.unit,
        "values": line.values,
        "rounds": line.rounds,
        "ratios": {other: line.ratio(other) for other in (STRAWBERRY, MERCURIUS) if line.ratio(other) is not None},
        "cpu_ratios": {
            other: line.cpu_ratio(other) for other in (STRAWBERRY, MERCURIUS) if line.cpu_ratio(other) is not None
        },
        "bars": [{"bar": str(bar), "met": bar.is_met(line.values)} for bar in line.bars],
        "remark": line.remark,
        "runs": line.runs,
        "per_cpu_second": line.per_cpu,
    }
