"""`kite-services sync`: fetch the instrument master now, and say what changed.

Where a service runs, it is the service that does it, and takes the master into use at once; else it is done in this
process, and the service loads it when it starts.
"""

import anyio
from anyio import to_thread
from rich.console import Console
from rich.table import Table

from app.clock import SystemClock
from app.commands.asking import JOB
from app.commands.following import Order, finish, follow_order
from app.commands.running import require_source, service_beside
from app.commands.serving import prepare
from app.commands.start import FAILED, load_settings, refuse, start_logs
from app.domain.errors import MarketDataError
from app.joining import kite_config
from app.ports import SyncReport
from app.providers.kite.adapter import build_kite
from app.runtime import open_store, require_world
from app.services.instruments.service import InstrumentService
from app.settings import Settings
from app.store.instruments import SqlInstrumentStore
from app.store.sessions import SqlSessionStore

ORDER = Order(f"mutation {{ syncInstruments {{ {JOB} }} }}", {}, "syncInstruments", "instruments")


def sync() -> None:
    """Returns when the master is stored; else the command ends with the reason and code 1."""
    settings = load_settings()
    start_logs(settings.model_copy(update={"log_level": "WARNING"}), interactive=True)
    beside = service_beside(settings)
    if beside is not None:
        finish(anyio.run(follow_order, beside, ORDER))
        return
    settings = require_source(settings)
    prepare(settings)
    console = Console()
    try:
        with console.status(f"Fetching the instrument master from {settings.kite_api_url}"):
            report = anyio.run(fetch, settings)
    except MarketDataError as error:
        refuse(error.message, code=FAILED)
    console.print(summary(report))


async def fetch(settings: Settings) -> SyncReport:
    """What the sync did. Raises SourceError; then the last master is still there."""
    clock = SystemClock()
    async with open_store(settings, clock) as store:
        await require_world(store.settings, settings.world)
        grant = await SqlSessionStore(store.database, store.sealer, clock).load()
        kite = await to_thread.run_sync(lambda: build_kite(kite_config(settings), clock=clock))
        try:
            kite.tokens.replace(grant.access_token if grant else None)
            instruments = InstrumentService(
                SqlInstrumentStore(store.database, clock), kite.instruments, store.settings, clock
            )
            await instruments.load()
            return await instruments.sync()
        finally:
            kite.close()


def summary(report: SyncReport) -> Table:
    """The report for a person."""
    table = Table("instruments", "added", "changed", "gone", title="Instrument master")
    table.add_row(*(f"{count:,}" for count in (report.total, report.added, report.changed, report.gone)))
    return table
