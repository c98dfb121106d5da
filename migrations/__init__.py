"""One history of the database, for SQLite and PostgreSQL. Applied by `app.store.migrate`."""
