"""What the tests of the whole service share."""

from tests.support.databases import database_url, empty_database_url, postgresql, sqlite_template

__all__ = ["database_url", "empty_database_url", "postgresql", "sqlite_template"]
