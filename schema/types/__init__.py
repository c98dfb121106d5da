"""GraphQL types, one subject a file."""
