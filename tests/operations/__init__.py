"""Tests of logs, metrics, health and the command line."""
