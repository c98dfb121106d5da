"""Checks of the project itself: `make check` runs each as `python -m tools.NAME`."""
