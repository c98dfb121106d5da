"""Compiled selections: what is selected of a record becomes one Python function, written when it is worth it.

A record is a GraphQL object type whose selected fields are plain attributes of a domain object, or computed from it
(`computed`); nested records and lists of either are part of it. The way of a selection: `planning` reads it into a
`plan` of pure data, `source` writes the plan as Python with the checks of `leaves`, `selection` holds the function,
`library` remembers both. `schema.execution.executor` asks the library and calls the function. What is no record, and
every value that is not plainly right, goes the ordinary way through graphql-core, which also finds the words for
errors: answers are the same to the byte.
"""
