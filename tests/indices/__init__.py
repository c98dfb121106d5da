"""Members of indices."""
