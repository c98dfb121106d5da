"""The schema: types, scalars and roots, joined. `export_sdl` writes what stands in schema/schema.graphql."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from schema.execution.resolvers import shorten_resolvers
from schema.mutation import Mutation
from schema.query import Query
from schema.subscription import Subscription
from schema.types.scalars import SCALARS


def build_schema() -> strawberry.Schema:
    """The schema of the service; it holds no state and knows no service."""
    schema = strawberry.Schema(
        query=Query, mutation=Mutation, subscription=Subscription, config=StrawberryConfig(scalar_map=SCALARS)
    )
    shorten_resolvers(schema)
    return schema


def export_sdl() -> str:
    """The schema in GraphQL's schema definition language, with a line feed at the end."""
    return build_schema().as_str().rstrip() + "\n"
