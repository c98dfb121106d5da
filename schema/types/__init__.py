"""GraphQL types, one subject a file.

The domain's enums are described before any type can name them: Strawberry would give them bare definitions.
"""

from schema.types import enums

__all__ = ["enums"]
