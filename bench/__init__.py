"""Benchmarks: how fast, against what, on this machine. Run by `make bench`; nothing here is part of the service."""
