"""Breakers, and sources in an order."""
