"""Prices on request: from the stream, from memory, or from one call that all share."""
