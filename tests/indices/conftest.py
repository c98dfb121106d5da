"""Databases for these tests."""

from tests.support.databases import database_url, postgresql, sqlite_template

__all__ = ["database_url", "postgresql", "sqlite_template"]
