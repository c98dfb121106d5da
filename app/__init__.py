"""Kite Services: one GraphQL endpoint for NSE, BSE and world markets, live."""

__version__ = "0.1.0"
