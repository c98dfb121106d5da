"""Option chains."""
