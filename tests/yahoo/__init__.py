"""Tests of the Yahoo provider."""
