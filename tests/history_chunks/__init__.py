"""Tests of stored bars that are remembered: in chunks, and as JSON."""
