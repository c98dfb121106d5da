"""The log of a process, as it would be written to stderr."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from app.logs import configure_logs
from app.redaction import Secrets
from app.settings import LogFormat


@contextmanager
def process_log(
    secrets: Secrets | None = None, *, level: str = "INFO", log_format: LogFormat = LogFormat.JSON
) -> Iterator[io.StringIO]:
    """Everything that is logged while the block is open. Logging is global, so it is put back after it."""
    root = logging.getLogger()  # noqa: TID251 - what is under test
    before = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logs(level=level, log_format=log_format, secrets=secrets or Secrets(), stream=stream)
    try:
        yield stream
    finally:
        root.handlers, root.level = before[0], before[1]
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
