"""Tests of the sandbox exchange's servers."""
