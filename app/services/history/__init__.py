"""Bars: read through the store, fetched once, with what is missing."""
