"""`kite-services indices`: import the list of an index's members that the exchange publishes, and show what is known.

Works on the database alone; a service that runs on it sees the new list within half a minute.
"""

from datetime import date
from pathlib import Path

import anyio
from rich.console import Console
from rich.table import Table

from app.clock import SystemClock
from app.commands.serving import prepare
from app.commands.start import load_settings, refuse, start_logs
from app.domain.constituents import Membership
from app.domain.errors import InvalidInput
from app.domain.index_lists import parse_members
from app.domain.time import ist_date
from app.runtime import open_store
from app.services.index_members import IndexMembers
from app.settings import Settings
from app.store.index_members import SqlMembershipStore
from app.store.instruments import SqlInstrumentStore

SHOWN = 10
"""Unknown members that are named; more say the same."""


def import_members(file: Path, *, index: str, start: str) -> None:
    """Returns when the list is stored; else the command ends with the reason and code 2, and nothing has changed."""
    clock = SystemClock()
    try:
        members = parse_members(file.read_bytes(), index)
        begins = date.fromisoformat(start)
    except OSError as error:
        refuse(f"{file}: {error.strerror}")
    except InvalidInput as error:
        refuse(f"{file}: {error.message}")
    except ValueError:
        refuse(f"--from: {start!r} is no date; write YYYY-MM-DD, the day from which the list holds")
    today = ist_date(clock.now())
    membership = Membership(index, begins, members, f"{file.name}, imported on {today}")
    settings = load_settings()
    start_logs(settings.model_copy(update={"log_level": "WARNING"}), interactive=True)
    prepare(settings, any_world=True)
    replaced, unknown = anyio.run(_save, settings, membership)
    console = Console()
    word = "replaced" if replaced else "stored"
    console.print(f"{index}: {len(members)} members from {begins} on, {word}.")
    if unknown:
        rest = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        console.print(
            f"Not in the instrument master: {', '.join(unknown[:SHOWN])}{rest}. They count as unpriced; "
            "check the symbols, or run `kite-services sync`."
        )


def show_lists() -> None:
    """Every list with its date, size and source."""
    settings = load_settings()
    start_logs(settings.model_copy(update={"log_level": "WARNING"}), interactive=True)
    prepare(settings, any_world=True)
    today = ist_date(SystemClock().now())
    table = Table("index", "from", "members", "source", title="Members of indices")
    lists = anyio.run(_lists, settings)
    newest = {each.index: each for each in lists}
    for each in lists:
        stale = " (older than 7 months)" if each is newest[each.index] and each.is_stale(today) else ""
        table.add_row(each.index, f"{each.valid_from}{stale}", str(len(each.members)), each.source)
    Console().print(table)


async def _save(settings: Settings, membership: Membership) -> tuple[bool, list[str]]:
    """Whether a list was replaced, and the members that the master lacks; none while there is no master."""
    clock = SystemClock()
    async with open_store(settings, clock) as store:
        replaced = await IndexMembers(SqlMembershipStore(store.database, clock), clock).save(membership)
        master = {instrument.id for instrument in await SqlInstrumentStore(store.database, clock).current()}
    return replaced, [each for each in membership.members if master and each not in master]


async def _lists(settings: Settings) -> list[Membership]:
    clock = SystemClock()
    async with open_store(settings, clock) as store:
        return await IndexMembers(SqlMembershipStore(store.database, clock), clock).lists()
