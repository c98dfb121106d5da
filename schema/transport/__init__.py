"""GraphQL over HTTP, server-sent events and graphql-transport-ws."""
