"""The schema as a whole: exported, described, and true to the domain."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
)

from app.domain.candles import Candle, CandleColumns, CandleRange, CandleSeries, SourceShare
from app.domain.comparison import SourceComparison, SourcePrice
from app.domain.feeds import BreakerStatus, KiteSession, ProviderStatus, RequestBudget
from app.domain.fundamentals import Fundamentals
from app.domain.indicators import IndicatorLine, IndicatorSeries
from app.domain.instruments import Instrument, InstrumentFilter
from app.domain.jobs import Job
from app.domain.market_context import (
    Breadth,
    Evidence,
    IndexMove,
    MarketContext,
    MarketRegime,
    MissingInput,
    Movers,
    SectorMove,
    Volatility,
)
from app.domain.options import OptionChain, OptionLeg, OptionRow
from app.domain.phases import MarketPhase
from app.domain.quotes import Depth, DepthLevel, Quote
from app.domain.ticks import Tick
from app.domain.updates import QuoteUpdate, Rejection, TickBatch
from schema.build import build_schema, export_sdl
from schema.search import InstrumentConnection, InstrumentEdge, PageInfo
from schema.types.providers import ServerInfo

SCHEMA = build_schema()
CORE: GraphQLSchema = SCHEMA._schema
EXPORTED = Path(__file__).parents[2] / "schema" / "schema.graphql"

RECORDS: Mapping[str, type] = {
    record.__name__: record
    for record in (
        *(Candle, CandleColumns, CandleSeries, Depth, DepthLevel, IndicatorLine, InstrumentConnection, InstrumentEdge),
        *(IndicatorSeries, Instrument, Job, KiteSession, MarketPhase, PageInfo, ProviderStatus, Quote, QuoteUpdate),
        *(Breadth, Evidence, IndexMove, MarketContext, MarketRegime, MissingInput, Movers, SectorMove, Volatility),
        *(BreakerStatus, Fundamentals, OptionChain, OptionLeg, OptionRow, SourceComparison, SourcePrice),
        *(Rejection, RequestBudget, ServerInfo, SourceShare, Tick, TickBatch),
    )
} | {"TimeRange": CandleRange}
"""The GraphQL types whose values are domain objects, handed over as they are."""
ROOTS = {"Query", "Mutation", "Subscription"}


def own_types() -> list[GraphQLNamedType]:
    """Everything that the schema itself defines."""
    builtin = {"Int", "Float", "String", "Boolean", "ID"}
    return [kind for name, kind in CORE.type_map.items() if not name.startswith("__") and name not in builtin]


def described() -> Iterator[tuple[str, str | None]]:
    """Each type, field, argument, input field and enum value, with its description."""
    for kind in own_types():
        yield kind.name, kind.description
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in kind.fields.items():
                yield f"{kind.name}.{name}", field.description
                yield from ((f"{kind.name}.{name}({each}:)", arg.description) for each, arg in field.args.items())
        elif isinstance(kind, GraphQLInputObjectType):
            yield from ((f"{kind.name}.{name}", item.description) for name, item in kind.fields.items())
        elif isinstance(kind, GraphQLEnumType):
            yield from ((f"{kind.name}.{name}", value.description) for name, value in kind.values.items())


def test_exported_sdl_is_the_schema_of_the_code() -> None:
    """Front ends generate their types from the file; `make sdl` writes it anew."""
    assert EXPORTED.read_text(encoding="utf-8") == export_sdl()


def test_everything_in_the_schema_is_described() -> None:
    """GraphiQL shows a word on each type, field, argument and enum value."""
    parts = dict(described())

    assert [name for name, text in parts.items() if not (text or "").strip()] == []
    assert len(parts) > 200


def test_every_object_type_is_a_root_or_held_against_its_domain_type() -> None:
    """A new type cannot slip past the comparison below."""
    objects = {kind.name for kind in own_types() if isinstance(kind, GraphQLObjectType)}

    assert objects == ROOTS | RECORDS.keys()


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_fields_without_resolver_exist_on_the_domain_type(name: str) -> None:
    """Nothing is copied into a second object, so a field that is missing there would fail at run time only."""
    definition = SCHEMA.get_type_by_name(name)
    assert definition is not None
    plain = {field.python_name for field in definition.fields if field.base_resolver is None}  # type: ignore[union-attr] # object types have fields

    assert plain <= attributes_of(RECORDS[name])
    assert plain


def test_search_filter_has_the_fields_of_the_domain_filter() -> None:
    """What a caller may narrow by is what the catalogue can narrow by."""
    definition = SCHEMA.get_type_by_name("InstrumentFilter")
    assert definition is not None

    assert {field.python_name for field in definition.fields} == attributes_of(InstrumentFilter)  # type: ignore[union-attr] # as above


def attributes_of(record: type) -> set[str]:
    """A dataclass's fields and the properties beside them."""
    properties = {name for name, value in vars(record).items() if isinstance(value, property)}
    return {field.name for field in dataclasses.fields(record)} | properties
