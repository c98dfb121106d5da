"""The first moments of every command: settings are read, faults are told in one line each, logs are set up.

Environment variables come in (and nothing else); `Settings` and `Secrets` go out. A fault ends the command with
code 2 and without a traceback, and no message holds the value of a setting.
"""

import sys
from collections.abc import Sequence
from typing import NoReturn

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.logs import LEVELS, configure_logs, secrets_of
from app.redaction import Secrets
from app.settings import LogFormat, Settings

BAD_SETTINGS = 2
"""Exit code of a command that could not begin; the same that the shell uses for wrong arguments."""
FAILED = 1
"""Exit code of a command that began and did not succeed."""


def refuse(*lines: str, code: int = BAD_SETTINGS) -> NoReturn:
    """End the command with these lines on stderr."""
    for line in lines:
        typer.echo(f"error: {line}", err=True)
    raise typer.Exit(code)


def load_settings() -> Settings:
    """The settings of the environment; or the command ends, naming each variable that is wrong and its remedy."""
    try:
        settings = Settings()
    except ValidationError as error:
        refuse(*setting_faults(error.errors(include_url=False, include_input=False, include_context=False)))
    if settings.log_level.upper() not in LEVELS:
        refuse(f"LOG_LEVEL: use {', '.join(LEVELS)}")
    return settings


def setting_faults(errors: Sequence[ErrorDetails]) -> list[str]:
    """One line for each wrong variable: its name, what is wrong, and what it is for."""
    lines = []
    for error in errors:
        message = error["msg"].removeprefix("Value error, ")
        name = str(error["loc"][0]) if error["loc"] else ""
        field = Settings.model_fields.get(name)
        about = f" ({field.description})" if field is not None else ""
        lines.append(f"{name.upper()}: {message}{about}" if name else message)
    return lines


def effective_format(settings: Settings, *, interactive: bool) -> LogFormat:
    """LOG_FORMAT; or for the console, if nobody chose and a person is looking at an interactive command."""
    if interactive and "log_format" not in settings.model_fields_set and sys.stderr.isatty():
        return LogFormat.CONSOLE
    return settings.log_format


def start_logs(settings: Settings, *, interactive: bool = False) -> Secrets:
    """From now on logs are written as the settings say. The secrets are those that no line may hold."""
    secrets = secrets_of(settings)
    log_format = effective_format(settings, interactive=interactive)
    configure_logs(level=settings.log_level, log_format=log_format, secrets=secrets)
    return secrets
