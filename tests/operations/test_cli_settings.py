"""Faults of the settings: one clear line each, code 2, no traceback, and never a secret."""

import socket

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.commands.ports import port_fault, sandbox_port
from app.commands.start import effective_format, load_settings
from app.settings import LogFormat, Settings

SECRET = "topsecret-value"
EVERYWHERE = "0.0.0.0"  # noqa: S104 # it is refused


@pytest.mark.parametrize(
    ("variables", "lines"),
    [
        ({"SERVICE_PORT": "abc"}, ["error: SERVICE_PORT: Input should be a valid integer"]),
        ({"SERVICE_PORT": "0"}, ["error: SERVICE_PORT: Input should be greater than or equal to 1"]),
        ({"LOG_FORMAT": "xml"}, ["error: LOG_FORMAT: Input should be 'json' or 'console'"]),
        ({"LOG_LEVEL": "LOUD"}, ["error: LOG_LEVEL: use DEBUG, INFO, WARNING, ERROR"]),
        ({"SERVICE_HOST": EVERYWHERE}, ["error: SERVICE_HOST=0.0.0.0 is open to other machines: set ADMIN_TOKEN"]),
        ({"SERVICE_PORT": "x", "SANDBOX_PORT": "y"}, ["error: SERVICE_PORT: ", "error: SANDBOX_PORT: "]),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("command", ["doctor", "migrate"])
def test_each_wrong_variable_is_named(
    clean: pytest.MonkeyPatch, variables: dict[str, str], lines: list[str], command: str
) -> None:
    """With what is wrong and what the setting is for; several at once."""
    for name, value in {"KITE_API_SECRET": SECRET, **variables}.items():
        clean.setenv(name, value)
    result = CliRunner().invoke(cli, [command])
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == len(lines)
    for told, expected in zip(result.stderr.splitlines(), lines, strict=True):
        assert told.startswith(expected)
    assert SECRET not in result.output
    assert "Traceback" not in result.output


def test_the_line_says_what_the_setting_is_for(clean: pytest.MonkeyPatch) -> None:
    """The remedy is the setting's own description."""
    clean.setenv("SERVICE_PORT", "70000")
    result = CliRunner().invoke(cli, ["migrate"])
    assert str(Settings.model_fields["service_port"].description) in result.stderr


def test_a_good_environment_is_read(clean: pytest.MonkeyPatch) -> None:
    """Case of the level does not matter."""
    clean.setenv("LOG_LEVEL", "debug")
    clean.setenv("SERVICE_PORT", "9000")
    assert load_settings().service_port == 9000


@pytest.mark.parametrize(
    ("values", "port"),
    [({}, 18179), ({"service_port": 9}, 10009), ({"service_port": 55535}, 65535), ({"service_port": 55536}, 45536),
     ({"service_port": 9000, "sandbox_port": 7}, 7)],
)  # fmt: skip
def test_the_sandbox_stands_ten_thousand_away(clean: pytest.MonkeyPatch, values: dict[str, int], port: int) -> None:
    """Above, or below where there is no port above; or where SANDBOX_PORT says."""
    assert sandbox_port(Settings.model_validate(values)) == port


def test_a_port_in_use_is_told_with_its_setting() -> None:
    """Before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        fault = port_fault("127.0.0.1", port, "SERVICE_PORT")
        assert fault is not None
        assert fault.startswith(f"port {port} of 127.0.0.1 is in use: set SERVICE_PORT")
    assert port_fault("127.0.0.1", port, "SERVICE_PORT") is None


def test_a_host_that_is_not_ours_is_told() -> None:
    """No name is looked up on the network for an address of documentation."""
    fault = port_fault("192.0.2.1", 0, "SERVICE_PORT")
    assert fault is not None
    assert "192.0.2.1" in fault


def test_logs_of_run_are_for_the_console_only_if_nobody_chose(clean: pytest.MonkeyPatch) -> None:
    """On a terminal; elsewhere, and when LOG_FORMAT is set, the setting holds."""

    class Terminal:
        def isatty(self) -> bool:
            return True

    assert effective_format(Settings(), interactive=True) is LogFormat.JSON
    clean.setattr("sys.stderr", Terminal())
    assert effective_format(Settings(), interactive=True) is LogFormat.CONSOLE
    assert effective_format(Settings(), interactive=False) is LogFormat.JSON
    clean.setenv("LOG_FORMAT", "json")
    assert effective_format(Settings(), interactive=True) is LogFormat.JSON


def test_small_commands_answer_at_once() -> None:
    """Version and a new key."""
    assert CliRunner().invoke(cli, ["version"]).output.strip().count(".") == 2
    first, second = (CliRunner().invoke(cli, ["secret-key"]).output.strip() for _ in range(2))
    assert len(first) == 44
    assert first != second
