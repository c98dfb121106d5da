"""Forming bars, and candles that stay live."""
