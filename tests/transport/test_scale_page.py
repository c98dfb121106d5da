"""The table of limits in docs/topics/scale.md says what the constants say."""

from pathlib import Path

import pytest

from app import server, stall, websocket_bounds
from schema.transport import decode
from schema.transport.http import HttpLimits
from schema.transport.socket import SocketLimits

PAGE = Path(__file__).parents[2] / "docs" / "topics" / "scale.md"
HTTP, SOCKETS = HttpLimits(), SocketLimits()
KB = 1024
LIMITS = {
    "backlog": f"{server.BACKLOG:,}",
    "connections": f"{server.MAX_CONNECTIONS:,}",
    "WebSockets": f"{SOCKETS.max_sockets:,}",
    "event streams": f"{HTTP.max_streams:,}",
    "operations": f"{SOCKETS.max_operations}",
    "message, body": f"{server.MAX_MESSAGE_BYTES // KB // KB} MB",
    "JSON": f"{decode.MAX_JSON_DEPTH} levels",
    "frames": f"{websocket_bounds.MAX_FRAGMENTS:,}",
    "control frames": f"{websocket_bounds.MAX_CONTROL_FRAMES:,} in {websocket_bounds.CONTROL_SECONDS:g} s",
    "URL, headers": f"{server.MAX_URL_BYTES // KB} KB, {server.MAX_HEADER_BYTES // KB} KB, "
    f"{server.MAX_HEADERS} lines, {server.HEADER_SECONDS:g} s",
    "body time": f"{HTTP.body_seconds:g} s",
    "keep-alive": f"{server.KEEP_ALIVE_SECONDS} s",
    "initialisation": f"{SOCKETS.init_seconds:g} s",
    "ping": f"every {server.PING_SECONDS:g} s",
    "stall": f"{stall.STALL_SECONDS:g} s",
    "stop": f"{server.DRAIN_SECONDS:g} s + {server.GRACE_SECONDS} s",
}


@pytest.mark.parametrize("name", LIMITS)
def test_limit_is_told_as_it_is(name: str):
    """One that changes is changed on the page."""
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]

    assert [row[1] for row in rows if row[0] == name] == [LIMITS[name]]


def test_messages_and_bodies_have_one_limit():
    """The page gives one number for both."""
    assert HTTP.max_body_bytes == server.MAX_MESSAGE_BYTES
