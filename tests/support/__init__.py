"""Fakes that several parts use in their tests."""
