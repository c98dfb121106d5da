"""Locks of the system on files: each ends with the process that holds it, however that ends."""

import sys

KNOWS_LOCKS = sys.platform != "win32"
"""Windows has none of this kind: there everyone gets every lock."""


def take_lock(holder: int) -> bool:
    """Lock an open file until it is closed; False if somebody else has it locked."""
    if sys.platform == "win32":
        return True
    import fcntl  # noqa: PLC0415 -- there is none on Windows

    try:
        fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
