"""Tests of the sandbox's Yahoo side."""
