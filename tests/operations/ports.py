"""Ports for processes that a test starts."""

import socket


def two_free_ports() -> tuple[int, int]:
    """Two different ports that were free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]
