"""Indicators: what they compute, what they accept, what they fetch."""
