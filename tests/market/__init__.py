"""The market's context."""
