"""Ports: which one the sandbox takes, and whether they are free, told before anything starts."""

import socket

from app.settings import Settings

SANDBOX_OFFSET = 10_000
"""The sandbox listens this far above the service, so two copies need only one setting each."""
HIGHEST_PORT = 65_535
LOOPBACK = "127.0.0.1"


def sandbox_port(settings: Settings) -> int:
    """SANDBOX_PORT; else SERVICE_PORT + 10000, or - 10000 where that is no port."""
    if settings.sandbox_port is not None:
        return settings.sandbox_port
    above = settings.service_port + SANDBOX_OFFSET
    return above if above <= HIGHEST_PORT else settings.service_port - SANDBOX_OFFSET


def port_fault(host: str, port: int, setting: str) -> str | None:
    """Why nobody can listen there, with the setting to change; None if it is free. Blocks for microseconds."""
    try:
        with socket.create_server((host, port), family=_family(host)):
            return None
    except PermissionError:
        return f"port {port} of {host} is reserved for the system: set {setting} to one above 1023"
    except OSError as error:
        if isinstance(error, socket.gaierror):
            return f"SERVICE_HOST={host} is no address of this machine"
        return f"port {port} of {host} is in use: set {setting} to a free one, or end the program that holds it"


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
