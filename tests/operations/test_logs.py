"""Log lines: one shape for every library, and no secret in any of them."""

import io
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import anyio.lowlevel
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.logs import LEVELS, _operation_fields, configure_logs, log_operation, secrets_of
from app.redaction import MAX_LEARNT, REDACTED, Redactor, Secrets
from app.settings import LogFormat, Settings

TOKEN = "k1te-ACCESS+token/9Zq"
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def secrets() -> Secrets:
    """One registered token."""
    return Secrets([TOKEN])


@pytest.fixture
def stream() -> io.StringIO:
    """Where the lines go."""
    return io.StringIO()


@pytest.fixture
def lines(secrets: Secrets, stream: io.StringIO) -> Lines:
    """JSON logs at DEBUG; the result reads what was written."""
    configure_logs(level="DEBUG", log_format=LogFormat.JSON, secrets=secrets, stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def library(name: str) -> logging.Logger:
    return logging.getLogger(name)  # noqa: TID251 # standing in for a library


def without_pytest() -> None:
    """Pytest's own handlers raise for a record that cannot be formatted."""
    root = library("")
    root.handlers = [handler for handler in root.handlers if type(handler).__module__ == "app.logs"]


def fail_with_token() -> None:
    msg = f"cannot dial wss://ws.example/?api_key=abcdefgh&access_token={TOKEN}"
    raise ConnectionError(msg)


def test_our_own_and_a_librarys_lines_have_one_shape(lines: Lines) -> None:
    """Level, time, event and the request's id stand in both."""
    structlog.contextvars.bind_contextvars(request_id="r-1")
    structlog.get_logger().info("synced", total=3, at=datetime(2026, 1, 1, tzinfo=UTC))
    library("uvicorn.error").info("Started %s", "worker")
    ours, theirs = lines()
    assert (ours["event"], ours["total"], ours["level"]) == ("synced", 3, "info")
    assert (theirs["event"], theirs["logger"], theirs["level"]) == ("Started worker", "uvicorn.error", "info")
    assert ours["request_id"] == theirs["request_id"] == "r-1"
    assert ours.keys() & theirs.keys() >= {"timestamp", "level", "event"}
    assert ours["at"] == "2026-01-01 00:00:00+00:00"


@pytest.mark.parametrize("name", ["urllib3.connectionpool", "websockets.client", "sqlalchemy.engine", "httpx"])
def test_talkative_libraries_are_held_to_warnings(lines: Lines, name: str) -> None:
    """Their DEBUG lines hold whole addresses, so they are not even made."""
    library(name).debug("GET /session/token")
    library(name).info("connected")
    library(name).warning("retrying")
    assert [line["event"] for line in lines()] == ["retrying"]


def test_a_traceback_is_there_and_its_secrets_are_not(lines: Lines, stream: io.StringIO) -> None:
    """From our loggers and from a library's; the exception's own text is searched."""
    for log in (structlog.get_logger().exception, library("uvicorn.error").exception):
        try:
            fail_with_token()
        except ConnectionError:
            log("dial failed")
    assert TOKEN not in stream.getvalue()
    for line in lines():
        assert "fail_with_token" in line["exception"]
        assert f"access_token={REDACTED}" in line["exception"]


@dataclass
class Holder:
    """Something whose repr shows what it should not."""

    token: str = TOKEN
    nested: list[str] = field(default_factory=lambda: [TOKEN])


class Broken:
    """Something that cannot be shown."""

    def __repr__(self) -> str:
        msg = "no"
        raise RuntimeError(msg)


@pytest.mark.parametrize(
    "value",
    [
        TOKEN,
        f"Authorization: token abcdefgh:{TOKEN}",
        {"a": [{"b": (TOKEN, {TOKEN})}]},
        {TOKEN: 1},
        Holder(),
        ValueError(TOKEN),
        "https://x.example/?q=k1te-ACCESS%2Btoken%2F9Zq",
        [[[[[[[[[TOKEN]]]]]]]]],
        TOKEN.encode(),
        Broken(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_secret_is_found_wherever_it_stands(lines: Lines, stream: io.StringIO, value: object) -> None:
    """In values, keys, containers, objects, exceptions, and URL-encoded; and the line is still written."""
    without_pytest()
    structlog.get_logger().info("event", value=value)
    library("any").warning("with %s", value)
    assert TOKEN not in stream.getvalue()
    assert "ACCESS%2B" not in stream.getvalue()
    assert lines()[0]["event"] == "event"


def test_a_secret_learnt_later_is_scrubbed_from_then_on(lines: Lines, stream: io.StringIO, secrets: Secrets) -> None:
    """A login in the middle of the day."""
    secrets.add("tomorrows-token")
    structlog.get_logger().info("using tomorrows-token")
    assert "tomorrows" not in stream.getvalue()


@pytest.mark.parametrize(
    "name",
    ["access_token", "kite_api_secret", "Authorization", "set-cookie", "checksum", "secrets_key", "admin_token",
     "request_token", "PASSWORD", "enctoken", "cookies"],
)  # fmt: skip
def test_a_field_that_looks_secret_is_hidden(lines: Lines, name: str) -> None:
    """Whatever its value, registered or not."""
    structlog.get_logger().info("event", **{name: "nobody registered this"}, deep={name: ["nor this"]})
    (line,) = lines()
    assert line[name] == REDACTED
    assert line["deep"][name] == REDACTED


def test_a_field_that_only_sounds_secret_is_kept(lines: Lines) -> None:
    """The broker's numbers of instruments, counts, and the first letters of an api_key."""
    structlog.get_logger().info(
        "e", instrument_token=408065, instrument_tokens=["408065"], tokens=3, api_key="abcdefgh"
    )
    (line,) = lines()
    assert (line["instrument_token"], line["instrument_tokens"], line["tokens"]) == (408065, ["408065"], 3)
    assert line["api_key"] == "abcd..."


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("GET /cb?request_token=abc123&status=ok", f"GET /cb?request_token={REDACTED}&status=ok"),
        ("wss://h/?api_key=k&access_token=t'", f"wss://h/?api_key={REDACTED}&access_token={REDACTED}'"),
        ("{'Authorization': 'token k:t', 'X': 1}", f"{{'Authorization': '{REDACTED}', 'X': 1}}"),
        ("authorization: Bearer eyJ.x.y", f"authorization: {REDACTED}"),
        ("postgresql://me:pass@host/db", f"postgresql://me:{REDACTED}@host/db"),
        ("http://127.0.0.1:8179/graphql?query=x", "http://127.0.0.1:8179/graphql?query=x"),
        ("3 tokens for NSE:INFY at 09:15", "3 tokens for NSE:INFY at 09:15"),
    ],
)
def test_tokens_in_addresses_and_headers_are_cut_out(text: str, clean: str) -> None:
    """Also when nobody registered them; and ordinary text stays as it is."""
    assert Redactor(Secrets()).text(text) == clean


@given(st.recursive(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.binary(), st.just(TOKEN)),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))  # fmt: skip
def test_redaction_takes_anything_and_leaves_no_secret(value: object) -> None:
    """It never raises, and its result can always be written."""
    clean = Redactor(Secrets([TOKEN])).value(value)
    assert TOKEN not in json.dumps(clean)


def test_odd_values_do_not_lose_a_line(lines: Lines) -> None:
    """Integers beyond 64 bits and halves of surrogate pairs are written all the same."""
    structlog.get_logger().info("odd", number=2**70, text="\ud800")
    assert lines()[0]["number"] == 2**70


def test_a_cycle_ends(lines: Lines) -> None:
    """A structure that contains itself is cut at a depth."""
    cycle: list[object] = []
    cycle.append(cycle)
    structlog.get_logger().info("cycle", value=cycle)
    assert lines()[0]["event"] == "cycle"


def test_secrets_are_bounded_and_never_shown() -> None:
    """The oldest learnt ones are forgotten first, the settings' never, short ones are not taken; repr only counts."""
    secrets = Secrets(["", None, "short", "from-the-settings"])
    assert secrets.scrub("short") == "short"
    for number in range(MAX_LEARNT + 5):
        secrets.add(f"secret-{number:05}")
        secrets.add(f"secret-{number:05}")
    assert repr(secrets) == f"Secrets({MAX_LEARNT + 1})"
    assert secrets.scrub("secret-00004") == "secret-00004"
    assert secrets.scrub("x secret-00005 from-the-settings y") == f"x {REDACTED} {REDACTED} y"


def test_of_two_secrets_the_longer_is_scrubbed_whole() -> None:
    """One that begins with another leaves no tail behind."""
    assert Secrets(["abcdefgh", "abcdefgh-tail"]).scrub("abcdefgh-tail") == REDACTED


def test_the_settings_secrets_are_registered() -> None:
    """Each SecretStr of the settings: a new one without registration fails here."""
    values = {
        name: SecretStr(f"value-of-{name}")
        for name, info in Settings.model_fields.items()
        if "SecretStr" in str(info.annotation)
    }
    assert len(values) >= 3
    secrets = secrets_of(Settings.model_validate(values))
    for value in values.values():
        assert secrets.scrub(value.get_secret_value()) == REDACTED
    several = secrets_of(Settings(secrets_key=SecretStr("newest-key, oldest-key")))
    assert several.scrub("newest-key and oldest-key") == f"{REDACTED} and {REDACTED}"


@dataclass
class Operation:
    """What the engine tells of a finished operation."""

    operation_id: str = "op-1"
    name: str | None = "Watchlist"
    kind: str | None = "query"
    transport: str = "http"
    duration_ms: float = 12.34567
    error_codes: tuple[str, ...] = ("LOGIN_REQUIRED",)
    extensions: dict[str, object] = field(default_factory=lambda: {"cost": {"upstreamCalls": 1, "fromStream": 49}})
    events: int = 0
    request_id: str = "r-9"


def test_a_record_that_cannot_be_formatted_is_named_and_not_dumped(lines: Lines, stream: io.StringIO) -> None:
    """The standard library would print its arguments, tokens included."""
    without_pytest()
    library("clumsy").warning("%d", TOKEN)
    assert TOKEN not in stream.getvalue()
    assert [line["logger"] for line in lines()] == ["clumsy"]


def test_an_operation_is_one_line(lines: Lines) -> None:
    """With name, duration, upstream calls and codes; a name without end is cut."""
    log_operation(Operation())
    log_operation(Operation(name="N" * 500, kind="subscription", request_id="", extensions={}, events=12))
    first, second = lines()
    expected = {
        "event": "operation",
        "name": "Watchlist",
        "kind": "query",
        "transport": "http",
        "duration_ms": 12.346,
        "upstream_calls": 1,
        "error_codes": ["LOGIN_REQUIRED"],
        "request_id": "r-9",
        "operation_id": "op-1",
    }
    assert expected.items() <= first.items()
    assert (len(second["name"]), second["events"], second["upstream_calls"]) == (100, 12, 0)
    assert "request_id" not in second


@pytest.mark.parametrize(
    "record",
    [
        Operation(),
        Operation(kind="subscription", events=3, error_codes=()),
        Operation(name=None, kind=None, extensions={}),
        Operation(name=f"?token={TOKEN}", request_id=f"a:b:{TOKEN}"),
        Operation(name="half of \ud83d"),
    ],
)
def test_the_short_way_writes_the_same_line(record: Operation, lines: Lines, stream: io.StringIO) -> None:
    """As every other line is written, letter by letter but for the instant."""
    log_operation(record)
    structlog.get_logger().info("operation", **_operation_fields(record))
    (short, long), raw = lines(), stream.getvalue()
    assert list(short) == list(long)
    assert {**short, "timestamp": ""} == {**long, "timestamp": ""}
    assert short["timestamp"] <= long["timestamp"]
    assert TOKEN not in raw


def test_the_console_shows_the_same_without_secrets(secrets: Secrets, stream: io.StringIO) -> None:
    """Readable lines, tracebacks included."""
    configure_logs(level="INFO", log_format=LogFormat.CONSOLE, secrets=secrets, stream=stream)
    try:
        fail_with_token()
    except ConnectionError:
        structlog.get_logger().exception("dial failed", token="x")
    structlog.get_logger().debug("hidden by the level")
    written = stream.getvalue()
    assert "dial failed" in written
    assert "fail_with_token" in written
    assert TOKEN not in written
    assert "hidden" not in written


def test_a_closed_stream_loses_the_line_and_nothing_else(secrets: Secrets) -> None:
    """The reader of a pipe may leave; operations go on."""
    stream = io.StringIO()
    configure_logs(level="INFO", log_format=LogFormat.JSON, secrets=secrets, stream=stream)
    stream.close()
    structlog.get_logger().info("lost")
    library("uvicorn.error").warning("lost too")


def test_an_unknown_level_is_refused_with_the_known_ones(secrets: Secrets) -> None:
    """Before anything changes."""
    with pytest.raises(ValueError, match="LOG_LEVEL=LOUD is not known; use DEBUG, INFO"):
        configure_logs(level="LOUD", log_format=LogFormat.JSON, secrets=secrets)
    assert set(LEVELS) == {"DEBUG", "INFO", "WARNING", "ERROR"}


def test_refused_upgrades_raise_no_alarm_and_other_errors_do() -> None:
    """The server calls an error what is a refusal with a status; its real errors are written."""
    written = io.StringIO()
    configure_logs(level="INFO", log_format=LogFormat.JSON, secrets=Secrets(), stream=written)
    library = logging.getLogger("uvicorn.error")  # noqa: TID251 - speaking as the library does
    library.error("ASGI callable returned without completing handshake.")
    library.error("something else")
    assert [json.loads(line)["event"] for line in written.getvalue().splitlines()] == ["something else"]


async def test_lines_of_one_turn_are_written_together_and_before_any_other(lines: Lines, stream: io.StringIO) -> None:
    """Operations that end in the same turn of the loop are one write; the order of all lines stays."""
    for number in range(3):
        log_operation(Operation(operation_id=str(number)))
    assert stream.getvalue() == ""
    structlog.get_logger().info("then")
    log_operation(Operation(operation_id="last"))
    await anyio.lowlevel.checkpoint()
    assert [line.get("operation_id", line["event"]) for line in lines()] == ["0", "1", "2", "then", "last"]
