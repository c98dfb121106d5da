"""Ticks from one upstream socket to any number of subscribers."""
