"""What lasts: engine, tables, migrations, repositories, sealing. Rows never leave this package."""
