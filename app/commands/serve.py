"""`kite-services serve`: migrate, then the server, until SIGTERM or Ctrl-C."""

import anyio
import typer

from app.commands.alone import alone_on_data
from app.commands.ports import port_fault
from app.commands.running import told_to_others
from app.commands.serving import Service, listen, prepare, until_signal
from app.commands.start import FAILED, load_settings, refuse, start_logs
from app.main import create_app


def serve() -> None:
    """Returns when the server ended in an orderly way; else the command ends with a code that is not 0."""
    settings = load_settings()
    secrets = start_logs(settings)
    if fault := port_fault(settings.service_host, settings.service_port, "SERVICE_PORT"):
        refuse(fault)
    prepare(settings)
    with alone_on_data(settings), told_to_others(settings):
        service = Service(settings, create_app(settings, secrets=secrets), listen(settings))
        ended_well = anyio.run(until_signal, service.run, service.stop, backend_options={"use_uvloop": True})
    if not ended_well:
        raise typer.Exit(FAILED)
