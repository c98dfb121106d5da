"""The price of a selection as an expression over the variables.

`analysis` builds one expression per operation, once per document; `engine` evaluates it for each request with
the real lengths of the lists. Shared parts (fragments) stay shared, so both are linear in the document.
"""

from collections.abc import Mapping
from dataclasses import dataclass

CEILING = 10**12
"""Sums stop growing here: amplifying documents double at every level, and huge integers are slow."""


@dataclass(frozen=True, slots=True)
class VariableSize:
    """A length that a variable gives: the items of a list, or the value of an integer."""

    name: str
    per_unit: int = 1
    otherwise: int = 1
    """Rows if the variable is left out or null."""
    at_most: int = CEILING
    """Rows that are counted, however many are asked for."""

    def of(self, variables: Mapping[str, object]) -> int:
        """Rows for these variables, at least 1."""
        value = variables.get(self.name)
        return self.otherwise if value is None else min(size_of(value, self.per_unit), self.at_most)


Size = int | VariableSize


def size_of(value: object, per_unit: int = 1) -> int:
    """Rows that an argument's value asks for, at least 1; 1 for what is no list and no integer."""
    if isinstance(value, (list, tuple)):
        return max(1, min(len(value) * per_unit, CEILING))
    if isinstance(value, int) and not isinstance(value, bool):
        return max(1, min(value * per_unit, CEILING))
    return 1


class Cost:
    """`const` + the sum of size x part. Immutable once built; may be shared between expressions."""

    __slots__ = ("const", "terms")

    def __init__(self, const: int = 0, terms: "tuple[tuple[Size, Cost], ...]" = ()) -> None:
        self.const = min(const, CEILING)
        self.terms = terms

    def value(self, variables: Mapping[str, object]) -> int:
        """The price for these variables, each shared part evaluated once."""
        return _value(self, variables, {}) if self.terms else self.const


def _value(cost: Cost, variables: Mapping[str, object], known: dict[int, int]) -> int:
    found = known.get(id(cost))
    if found is not None:
        return found
    total = cost.const
    for size, part in cost.terms:
        rows = size if isinstance(size, int) else size.of(variables)
        total += rows * (_value(part, variables, known) if part.terms else part.const)
    total = min(total, CEILING)
    known[id(cost)] = total
    return total


class CostSum:
    """Collects a Cost; what is known already is folded into the constant."""

    __slots__ = ("const", "terms")

    def __init__(self) -> None:
        self.const = 0
        self.terms: list[tuple[Size, Cost]] = []

    def add(self, part: Cost, size: Size = 1) -> None:
        """Add size x part."""
        if not part.terms and isinstance(size, int):
            self.const += size * part.const
        elif part.terms or part.const:
            self.terms.append((size, part))

    def total(self) -> Cost:
        """The expression collected so far."""
        return Cost(self.const, tuple(self.terms))
