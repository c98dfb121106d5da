"""How long a test waits for what must come."""

PATIENCE = 20.0
"""Seconds. It bounds a wait in vain, not a slow machine: where all is well everything comes within one."""
