"""`kite-services indices`: import the list of an index's members that the exchange publishes, remove one, show all.

Works on the database alone; a service that runs on it sees the new list within half a minute.
"""

from collections.abc import Sequence
from dataclasses import dataclass
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
from app.domain.index_lists import check_index, parse_members, shipped_lists
from app.domain.instruments import parse_instrument_id
from app.domain.market_members import membership_on
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
    begins = _day(start)
    try:
        parse_instrument_id(index)
    except InvalidInput as error:
        refuse(f"--index: {error.message}")
    try:
        members = parse_members(file.read_bytes(), index)
    except OSError as error:
        refuse(f"{file}: {error.strerror}")
    except InvalidInput as error:
        refuse(f"{file}: {error.message}")
    membership = Membership(index, begins, members, f"{file.name}, imported on {_today()}")
    try:
        done = anyio.run(_import, _opened(), membership)
    except InvalidInput as error:
        refuse(f"--index: {error.message}")
    console = Console(highlight=False)
    word = "replaced" if done.replaced else "stored"
    console.print(f"{index}: {len(members)} members from {begins} on, {word}. {_counts(membership, done.lists)}")
    if not done.checked:
        console.print(
            "There is no instrument master yet, so neither the index nor its members could be checked: "
            "run `kite-services sync`, then import the list again."
        )
    if done.unknown:
        rest = f" and {len(done.unknown) - SHOWN} more" if len(done.unknown) > SHOWN else ""
        console.print(
            f"Not in the instrument master: {', '.join(done.unknown[:SHOWN])}{rest}. They count as unpriced; "
            "check the symbols, or run `kite-services sync`."
        )


def remove_members(*, index: str, start: str) -> None:
    """Returns when the imported list is gone; else the command ends with the reason and code 2."""
    begins = _day(start)
    removed, lists = anyio.run(_remove, _opened(), index, begins)
    known = [each for each in lists if each.index == index]
    if not removed:
        imported = ", ".join(str(each.valid_from) for each in known if each not in shipped_lists())
        what = f"imported are those of {imported}" if imported else "none of this index was imported"
        refuse(f"there is no imported list of {index} from {begins} on: {what}. Lists that ship stay")
    holds = membership_on(known, _today())
    now = "no list counts today" if holds is None else f"today the list of {holds.valid_from} counts"
    Console(highlight=False).print(f"{index}: the list from {begins} on is removed; {now}.")


def show_lists() -> None:
    """Every list with its date, size and source, and whether it counts today."""
    lists, today = anyio.run(_lists, _opened()), _today()
    table = Table("index", "from", "counts", "members", "source", title="Members of indices")
    for each in lists:
        table.add_row(
            each.index, str(each.valid_from), state_of(each, lists, today), str(len(each.members)), each.source
        )
    Console().print(table)


def state_of(membership: Membership, lists: Sequence[Membership], today: date) -> str:
    """Whether a list counts on a day, in words. Pure."""
    if membership.valid_from > today:
        return "not yet"
    if membership != membership_on([each for each in lists if each.index == membership.index], today):
        return "for older days"
    return "today (older than 7 months)" if membership.is_stale(today) else "today"


def _counts(membership: Membership, lists: Sequence[Membership]) -> str:
    """When a list counts that is not the one of today."""
    of_index = [each for each in lists if each.index == membership.index]
    holds = membership_on(of_index, _today())
    if membership.valid_from > _today():
        until = "there is none" if holds is None else f"the one of {holds.valid_from} does"
        return f"It counts from that day on; until then {until}."
    if holds is None or holds.valid_from == membership.valid_from:
        return "It counts today."
    return f"It counts for older days alone: the one of {holds.valid_from} counts today."


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        refuse(f"--from: {text!r} is no date; write YYYY-MM-DD, the day from which the list holds")


def _today() -> date:
    return ist_date(SystemClock().now())


def _opened() -> Settings:
    """The settings, when the database is there and of this version."""
    settings = load_settings()
    start_logs(settings.model_copy(update={"log_level": "WARNING"}), interactive=True)
    prepare(settings, any_world=True)
    return settings


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a list."""

    replaced: bool
    """Whether there was one of the same index and day."""
    checked: bool
    """Whether there is a master to check it against."""
    unknown: list[str]
    """Members that the master lacks."""
    lists: list[Membership]
    """All that are known now."""


async def _import(settings: Settings, membership: Membership) -> Imported:
    """Store a list. Raises InvalidInput for what is no index; then nothing is stored."""
    clock = SystemClock()
    async with open_store(settings, clock) as store:
        master = {each.id: each for each in await SqlInstrumentStore(store.database, clock).current()}
        check_index(membership.index, master.values())
        members = IndexMembers(SqlMembershipStore(store.database, clock), clock)
        replaced = await members.save(membership)
        unknown = [each for each in membership.members if master and each not in master]
        return Imported(replaced, bool(master), unknown, await members.lists())


async def _remove(settings: Settings, index: str, valid_from: date) -> tuple[bool, list[Membership]]:
    """Whether there was such a list, and those that there are now."""
    clock = SystemClock()
    async with open_store(settings, clock) as store:
        members = IndexMembers(SqlMembershipStore(store.database, clock), clock)
        return await members.remove(index, valid_from), await members.lists()


async def _lists(settings: Settings) -> list[Membership]:
    clock = SystemClock()
    async with open_store(settings, clock) as store:
        return await IndexMembers(SqlMembershipStore(store.database, clock), clock).lists()
