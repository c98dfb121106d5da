"""Structured logs: one line an event, JSON or for the console, from our own code and every library alike.

`app.cli` and `app.runtime` configure them once; everyone else calls `structlog.get_logger()`. Each line has
the request id that `app.http.request_ids` bound, and passes `app.redaction` before it is written.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Final, Protocol, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from app.redaction import Redactor, Secrets
from app.settings import LogFormat, Settings

LEVELS: Final[Mapping[str, int]] = {
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARNING": logging.WARNING,
    "ERROR": logging.ERROR,
}
QUIET_LIBRARIES = (
    "aiosqlite",
    "alembic",
    "asyncio",
    "httpcore",
    "httpx",
    "kiteconnect",
    "sqlalchemy",
    "urllib3",
    "websockets",
)
"""Their INFO and DEBUG lines hold addresses with tokens, or one line a query; only warnings are worth it."""
SERVER_LIBRARIES = ("uvicorn", "uvicorn.access", "uvicorn.asgi", "uvicorn.error")
MAX_NAME = 100
"""Characters of a client's operation name that are logged."""


log = structlog.get_logger()


class OperationRecord(Protocol):
    """What is logged of a finished GraphQL operation; `schema.execution` has the class."""

    @property
    def operation_id(self) -> str:
        """Ours, the one that a masked error shows."""
        ...

    @property
    def name(self) -> str | None:
        """The client's name for it."""
        ...

    @property
    def kind(self) -> str | None:
        """query, mutation or subscription; None if the document could not be understood."""
        ...

    @property
    def transport(self) -> str:
        """http, websocket or sse."""
        ...

    @property
    def duration_ms(self) -> float:
        """From the request's arrival to its last byte."""
        ...

    @property
    def error_codes(self) -> Sequence[str]:
        """Codes of its errors, one each."""
        ...

    @property
    def extensions(self) -> Mapping[str, object]:
        """Those of its result; `cost` says what it asked of the sources."""
        ...

    @property
    def events(self) -> int:
        """Results that a subscription sent."""
        ...

    @property
    def request_id(self) -> str:
        """Of the HTTP request or of the socket; empty if there is none."""
        ...


class _Lines:
    """A stream that a log may be written to: a closed or full one loses the line and nothing else."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._waiting: list[str] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def write_soon(self, text: str) -> None:
        """Write at the end of this turn of the event loop, with all that it brings, or before any other line.

        A write is a system call, and a busy service ends many operations in a turn.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if loop is not None and (not self._waiting or loop is not self._loop):
            self._loop = loop
            loop.call_soon(self.flush)
        self._waiting.append(text)
        if loop is None:
            self.flush()

    def write(self, text: str) -> int:
        if self._waiting:
            waiting, self._waiting = "".join(self._waiting), []
            text = waiting + text
        try:
            return (self._stream or sys.stderr).write(text)
        except (OSError, ValueError):
            return 0

    def flush(self) -> None:
        if self._waiting:
            self.write("")
        try:
            (self._stream or sys.stderr).flush()
        except (OSError, ValueError):
            return


def secrets_of(settings: Settings) -> Secrets:
    """Everything in the settings that must not be written; the runtime adds the tokens that it learns."""
    held = (settings.kite_api_secret, settings.admin_token, settings.secrets_key)
    values = [secret.get_secret_value() for secret in held if secret]
    return Secrets(part.strip() for value in values for part in (value, *value.split(",")))  # several SECRETS_KEYs


def configure_logs(*, level: str, log_format: LogFormat, secrets: Secrets, stream: TextIO | None = None) -> None:
    """From now on every log line of the process is structured, redacted and written to `stream` (stderr).

    Calling it again replaces the configuration. Raises ValueError for an unknown level.
    """
    if level.upper() not in LEVELS:
        msg = f"LOG_LEVEL={level} is not known; use {', '.join(LEVELS)}"
        raise ValueError(msg)
    threshold = LEVELS[level.upper()]
    lines = _Lines(stream)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        Redactor(secrets),
    ]
    last = _Finish(
        _renderer(log_format, colours=bool(stream is None and sys.stderr.isatty())),
        secrets,
        threshold=threshold,
        lines=lines if log_format is LogFormat.JSON else None,
    )
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=lines),  # type: ignore[arg-type] # write and flush suffice
        cache_logger_on_first_use=False,
    )
    _route_stdlib(threshold, shared, last, lines)


def log_operation(record: OperationRecord) -> None:
    """Write the one line of a finished operation; nothing is put together for a level that is not written."""
    last = structlog.get_config()["processors"][-1]
    if isinstance(last, _Finish) and not last.is_wanted(logging.INFO):
        return
    fields = _operation_fields(record)
    if not (isinstance(last, _Finish) and record.request_id and last.write_at_once(fields)):
        log.info("operation", **fields)


def _operation_fields(record: OperationRecord) -> dict[str, object]:
    cost = record.extensions.get("cost")
    fields: dict[str, object] = {
        "operation_id": record.operation_id,
        "name": record.name[:MAX_NAME] if record.name else None,
        "kind": record.kind,
        "transport": record.transport,
        "duration_ms": round(record.duration_ms, 3),
        "upstream_calls": cost.get("upstreamCalls", 0) if isinstance(cost, dict) else 0,
        "error_codes": list(record.error_codes),
    }
    if record.request_id:
        fields["request_id"] = record.request_id
    if record.kind == "subscription":
        fields["events"] = record.events
    return fields


class _Handler(logging.StreamHandler[_Lines]):
    """Writes libraries' records. One that cannot be formatted is named, never dumped with its arguments."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 # the standard library's name
        """What was logged cannot be shown; where it came from can."""
        structlog.get_logger().error("a log record could not be formatted", logger=record.name, line=record.lineno)


class _Finish:
    """Renders an entry and searches the finished line once more: a renderer may have found more to show."""

    def __init__(self, renderer: Processor, secrets: Secrets, *, threshold: int, lines: _Lines | None) -> None:
        """`lines`: where JSON goes; None where lines have another form, and take the long way all."""
        self._renderer = renderer
        self._secrets = secrets
        self._redactor = Redactor(secrets)
        self._threshold = threshold
        self._lines = lines
        self._stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> str:
        return self._secrets.scrub(str(self._renderer(logger, method, event)))

    def is_wanted(self, level: int) -> bool:
        return level >= self._threshold

    def write_at_once(self, fields: dict[str, object]) -> bool:
        """Write an operation's line, the same as by all processors at a fifth of their time; False if it cannot be.

        What a caller chose are its texts, the name and the request id: they are searched, and then the whole line.
        """
        if self._lines is None:
            return False
        event = {**fields, "event": "operation", "level": "info"}
        for key in ("name", "request_id"):
            text = event[key]
            if isinstance(text, str) and not text.isalnum():
                event[key] = self._redactor.text(text)
        try:
            line = orjson.dumps(self._stamp(None, "info", event), option=orjson.OPT_APPEND_NEWLINE).decode()
        except TypeError:  # a half of a surrogate pair in a name
            return False
        self._lines.write_soon(self._secrets.scrub(line))
        return True


def _renderer(log_format: LogFormat, *, colours: bool) -> Processor:
    if log_format is LogFormat.CONSOLE:
        return structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer(serializer=_json)


def _json(event: object, **_options: object) -> str:
    try:
        return orjson.dumps(event, default=str).decode()
    except TypeError:  # integers beyond 64 bits, halves of surrogate pairs
        return json.dumps(event, default=str)


def _route_stdlib(threshold: int, shared: list[Processor], last: Processor, lines: _Lines) -> None:
    handler = _Handler(lines)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = _library("")
    root.handlers = [handler]
    root.setLevel(threshold)
    for name in QUIET_LIBRARIES:
        _library(name).setLevel(max(threshold, logging.WARNING))
    for name in SERVER_LIBRARIES:
        library = _library(name)
        library.handlers, library.filters, library.propagate = [], [_is_no_false_alarm], True
        library.setLevel(logging.NOTSET)


def _is_no_false_alarm(record: logging.LogRecord) -> bool:
    """False for what uvicorn 0.54 says of every WebSocket that the application refused with a status of its own."""
    return record.msg != "ASGI callable returned without completing handshake."


def _library(name: str) -> logging.Logger:
    return logging.getLogger(name)  # noqa: TID251 # the one place where libraries' loggers are led into ours
