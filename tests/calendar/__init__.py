"""Tests of the trading calendar and the phases that come from it."""
