"""One service for one DATA_DIR. `serve` and `run` hold this as long as they live.

Two services on one database would both take up the jobs that a stopped one left, both sync, both renew the session;
and with one Kite key both would spend the whole of its request budget and its three sockets (docs/topics/scale.md).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.commands.locks import take_lock
from app.commands.start import refuse
from app.settings import Settings

LOCK = Path("service.lock")
"""In DATA_DIR. The file stays; it is the system's lock on it that counts, and that ends with the process."""


@contextmanager
def alone_on_data(settings: Settings) -> Iterator[None]:
    """While the block runs, no other service starts on this DATA_DIR; the command ends if there is one already."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    holder = os.open(settings.data_dir / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not take_lock(holder):
            refuse(
                f"another service runs on DATA_DIR={settings.data_dir}: two on one database would do every job twice. "
                "Stop it, or give this one a DATA_DIR, a DATABASE_URL and a KITE_API_KEY of its own"
            )
        yield
    finally:
        os.close(holder)
