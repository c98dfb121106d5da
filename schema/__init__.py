"""The GraphQL schema and its transports."""
