"""What must last: SQLModel tables, repositories, sealed secrets."""
