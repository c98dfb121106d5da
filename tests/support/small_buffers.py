"""Connections whose kernel keeps little of what nobody reads. Machines differ in how much they would keep."""

import asyncio
import socket
from socket import SO_RCVBUF, SO_SNDBUF, SOL_SOCKET

SMALL_BUFFER = 8 * 1024
"""Asked for; the kernel takes twice as much."""


class SmallBuffers(asyncio.Protocol):
    """Mixed into a server's protocol, before it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Tell the kernel."""
        transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_SNDBUF, SMALL_BUFFER)
        super().connection_made(transport)


async def small_socket(port: int) -> socket.socket:
    """A client's, connected."""
    small = socket.socket()
    small.setsockopt(SOL_SOCKET, SO_RCVBUF, SMALL_BUFFER)
    small.setblocking(False)
    await asyncio.get_running_loop().sock_connect(small, ("127.0.0.1", port))
    return small
