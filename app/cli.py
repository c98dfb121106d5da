"""The command line: `kite-services COMMAND`. Arguments come in, `app.commands` does the work.

Settings are environment variables (README); only what belongs to one call is an argument.
"""

# ruff: noqa: PLC0415 -- each command pays only for its own imports: `version` is instant, the sandbox stays small

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app import __version__

DEFAULT_SANDBOX_PORT = 18179
"""SERVICE_PORT's default + 10000."""

cli = typer.Typer(
    name="kite-services",
    help="One GraphQL endpoint for NSE, BSE and world markets, live.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, secrets among them
)


class SandboxCalendar(StrEnum):
    """What the sandbox's market keeps to."""

    ALWAYS_OPEN = "always-open"
    INDIAN = "indian"


class LogStyle(StrEnum):
    """How log lines are written."""

    JSON = "json"
    CONSOLE = "console"


@cli.command()
def run() -> None:
    """Start a sandbox exchange and the server in front of it, logged in."""
    from app.commands.run import run as run_both

    run_both()


@cli.command()
def serve() -> None:
    """Migrate the database, then serve until SIGTERM."""
    from app.commands.serve import serve as serve_until_stopped

    serve_until_stopped()


@cli.command()
def sandbox(  # noqa: PLR0913 # the options of a command
    *,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = DEFAULT_SANDBOX_PORT,
    redirect_url: Annotated[
        str, typer.Option(help="Where a finished login returns to: the service's callback.")
    ] = "http://127.0.0.1:8179/auth/kite/callback",
    seed: Annotated[int, typer.Option(help="The same seed shows the same prices.")] = 1,
    calendar: Annotated[SandboxCalendar, typer.Option(help="When its market is open.")] = SandboxCalendar.ALWAYS_OPEN,
    session_file: Annotated[Path | None, typer.Option(help="Keeps logins over a restart, hashed.")] = None,
    log_format: Annotated[LogStyle, typer.Option(help="How log lines are written.")] = LogStyle.CONSOLE,
    exit_with_parent: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Serve the simulated exchange alone."""
    from app.commands.ports import LOOPBACK, port_fault
    from app.commands.sandbox import sandbox as serve_sandbox
    from app.commands.start import refuse
    from app.logs import configure_logs
    from app.redaction import Secrets
    from app.sandbox.settings import SandboxSettings
    from app.settings import LogFormat

    configure_logs(level="INFO", log_format=LogFormat(log_format), secrets=Secrets())
    if fault := port_fault(LOOPBACK, port, "--port (with `run`: SANDBOX_PORT)"):
        refuse(fault)
    settings = SandboxSettings(redirect_url=redirect_url, seed=seed, calendar=calendar.value, session_file=session_file)
    serve_sandbox(settings, port=port, exit_with_parent=exit_with_parent)


@cli.command()
def migrate() -> None:
    """Bring the database to the schema of this version."""
    from app.commands.serving import prepare
    from app.commands.start import load_settings, start_logs

    settings = load_settings()
    start_logs(settings, interactive=True)
    prepare(settings)
    typer.echo("The database has the schema of this version.")


@cli.command()
def sync() -> None:
    """Fetch the instrument master now."""
    from app.commands.sync import sync as sync_instruments

    sync_instruments()


@cli.command()
def doctor() -> None:
    """Look for what is wrong, and say how to mend it."""
    from app.commands.doctor import doctor as examine

    examine()


@cli.command("secret-key")
def secret_key() -> None:
    """Print a new key for SECRETS_KEY."""
    from cryptography.fernet import Fernet

    typer.echo(Fernet.generate_key().decode())


@cli.command()
def schema() -> None:
    """Print the GraphQL schema."""
    from app.main import export_sdl

    typer.echo(export_sdl())


@cli.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """The console script."""
    cli()


if __name__ == "__main__":
    main()
