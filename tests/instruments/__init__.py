"""Tests of the instruments part."""
