"""The command line: `kite-services COMMAND`. Arguments come in, `app.commands` does the work.

Settings are environment variables (README); only what belongs to one call is an argument.
"""

# ruff: noqa: PLC0415 -- each command pays only for its own imports: `version` is instant, the sandbox stays small

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app import __version__
from app.domain.garbage import collections_for_serving, collections_paused

DEFAULT_SANDBOX_PORT = 18179
"""SERVICE_PORT's default + 10000."""
INTERVAL_HELP = "minute or 1m, 3m, 5m, 10m, 15m, 30m, hour or 60m, day, week, month."

cli = typer.Typer(
    name="kite-services",
    help="One GraphQL endpoint for NSE, BSE and world markets, live.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, secrets among them
)


indices = typer.Typer(help="Members of indices: import the lists that the exchange publishes.", no_args_is_help=True)
cli.add_typer(indices, name="indices")


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
    with collections_for_serving():
        with collections_paused():
            from app.commands.run import run as run_both

        run_both()


@cli.command()
def serve() -> None:
    """Migrate the database, then serve until SIGTERM."""
    with collections_for_serving():
        with collections_paused():
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
def backfill(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Instruments, at most 500: NSE:INFY NSE:TCS ...")],
    *,
    start: Annotated[
        str, typer.Option("--from", help="First day or instant, India's time: 2015-01-01, 2015-01-01T09:15.")
    ],
    end: Annotated[
        str | None, typer.Option("--to", help="Where to end, exclusive; default now.", show_default=False)
    ] = None,
    interval: Annotated[str, typer.Option(help=INTERVAL_HELP)] = "day",
) -> None:
    """Fetch and store candles, with a progress bar. What is stored already is not fetched again.

    Where a service runs with the same DATA_DIR, the service does it, as a job
    behind its users' queries; with ADMIN_TOKEN if it has one. Else it is done
    here, from the source of the settings, with the login that is stored.

    Ctrl-C ends either; what came is stored, and the same command goes on from
    there.
    """
    from app.commands.backfill import backfill as fill

    fill(ids, interval=interval, start=start, end=end)


@cli.command()
def candles(  # noqa: PLR0913 # the options of a command
    instrument_id: Annotated[str, typer.Argument(metavar="ID", help="The instrument: NSE:INFY")],
    *,
    interval: Annotated[str, typer.Option(help=INTERVAL_HELP)] = "day",
    last: Annotated[
        int | None, typer.Option(help="The last N bars before --to, 1 to 50000; default 100.", show_default=False)
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="First day or instant, India's time; not with --last.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Where to end, exclusive; default now.", show_default=False)
    ] = None,
    forming: Annotated[bool, typer.Option("--forming", help="With the bar that is still open.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV with a header.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
) -> None:
    """Show or export the candles of one instrument.

    What is stored is not fetched again, and what is fetched is stored. Asks
    the service that runs with the same DATA_DIR, or else the source itself.

    If some bars could not be had, the others are written all the same, and
    the command ends with code 1 and the reason on stderr.
    """
    from app.commands.candles import Shape
    from app.commands.candles import candles as show
    from app.commands.start import refuse

    if as_csv and as_json:
        refuse("--csv and --json exclude each other")
    shape = Shape.CSV if as_csv else Shape.JSON if as_json else Shape.TABLE
    show(instrument_id, interval=interval, start=start, end=end, last=last, forming=forming, shape=shape)


@indices.command("import")
def import_members(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The CSV that NSE publishes, with a column Symbol.")],
    *,
    index: Annotated[str, typer.Option(help='The index, as "NSE:NIFTY 50".')],
    start: Annotated[str, typer.Option("--from", help="The day from which the list holds, YYYY-MM-DD.")],
) -> None:
    """Store the members of an index from a day on. Older lists stay, for questions about older days."""
    from app.commands.indices import import_members as read

    read(file, index=index, start=start)


@indices.command("remove")
def remove_members(
    *,
    index: Annotated[str, typer.Option(help='The index, as "NSE:NIFTY 50".')],
    start: Annotated[str, typer.Option("--from", help="The day from which the list holds, YYYY-MM-DD.")],
) -> None:
    """Forget a list that was imported. The one before it counts again."""
    from app.commands.indices import remove_members as forget

    forget(index=index, start=start)


@indices.command("list")
def list_members() -> None:
    """Show the lists that are known, with their dates and sources."""
    from app.commands.indices import show_lists

    show_lists()


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
