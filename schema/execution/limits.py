"""What an operation may cost: the bounds of a document, each with its reason.

Read by `documents` (before and after parsing) and `engine` (with the variables); built by the runtime.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

SIZE_ARGUMENTS: Mapping[str, int] = MappingProxyType(
    {"ids": 1, "first": 1, "last": 1, "snapshot": 1, "top": 1, "of": 1, "strikesEachSide": 2}
)
"""Arguments that say how long a list gets, with the rows that one unit of each brings."""


@dataclass(frozen=True, slots=True)
class CostModel:
    """How the price of a selection is estimated: one unit is one plain field of one object."""

    size_arguments: Mapping[str, int] = field(default_factory=lambda: SIZE_ARGUMENTS)
    """Argument name to rows a unit. A list argument counts its items, an integer its value."""
    list_sizes: Mapping[str, int] = field(default_factory=dict)
    """`Type.field` to the rows that it brings where no argument says so, as for a range of candles by dates."""
    most_rows: Mapping[str, int] = field(default_factory=dict)
    """`Type.field` to the most rows that its arguments count for: what is bounded in another way when it is there."""
    field_costs: Mapping[str, int] = field(default_factory=dict)
    """`Type.field` to its own price, for fields that do more than read an attribute."""
    assumed_size: int = 10
    """Length of a list about which nothing is known."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one document and of its execution. Over any of them: an error that names it and the value."""

    max_characters: int = 50_000
    """Checked first. A page's whole dashboard is under 10,000; validation of crafted text grows with its square."""
    max_tokens: int = 8_000
    """Lexing and parsing cost about 5 microseconds a token: 40 ms at most."""
    max_comments: int = 500
    """The lexer keeps comments in memory; a document written by people has a few."""
    max_depth: int = 20
    """Field in field. The introspection query of GraphiQL needs 15, the deepest sensible data query 9."""
    max_nesting: int = 64
    """Any selection in a selection, fragments included: keeps every recursive walk far from Python's limit."""
    max_aliases: int = 500
    """Fifty aliased quotes are normal; each alias is executed by itself."""
    max_directives: int = 200
    """Written `@skip` and `@include`; each is evaluated on every visit."""
    max_root_fields: int = 200
    """Root fields after fragments are expanded; each may start an upstream request."""
    max_fragments: int = 200
    """Fragment definitions; component-based pages generate some dozens."""
    max_cost: int = 320_000
    """Fields that may be completed: the longest answer there is, 50,000 bars with 6 columns. A year of 5-minute bars
    with 6 fields each is 112,500, about half a second."""
    max_validation_errors: int = 10
    """Nobody reads more, and each costs a message."""
    max_coercion_errors: int = 10
    """As above, for variables: 10,000 wrong ids give ten messages."""
    cached_documents: int = 1_000
    """Parsed documents kept: far more than the distinct queries of a front end."""
    cached_characters: int = 300_000
    """Their total text: a parsed document takes some 125 times its text, so under 40 MB."""
    execution_seconds: float = 60.0
    """An operation that takes longer is given up: longer than every source's own deadline, shorter than for ever."""
    close_seconds: float = 2.0
    """How long the source of a subscription may take to clean up before it is left alone."""


DEFAULT_LIMITS = Limits()
DEFAULT_COST_MODEL = CostModel()


class LimitExceeded(Exception):
    """A document is over a bound. `code` and `details` travel as the error's extensions."""

    def __init__(self, code: str, message: str, **details: int) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


def check_limit(code: str, what: str, *, value: int, limit: int) -> None:
    """Nothing, if `value` is within `limit`.

    Raises LimitExceeded otherwise, whose message names what, how much and how much is allowed.
    """
    if value > limit:
        raise LimitExceeded(code, f"{what}: {value}, and at most {limit} are allowed", limit=limit, value=value)
