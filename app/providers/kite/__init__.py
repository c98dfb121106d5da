"""Kite Connect v3 (Zerodha)."""
