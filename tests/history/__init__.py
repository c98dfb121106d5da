"""Tests of the read-through history."""
