"""Tests of the engine: documents, limits, errors, subscriptions."""
