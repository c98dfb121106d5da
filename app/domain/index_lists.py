"""Lists of index members as they are published and as they ship: text comes in, checked `Membership` goes out.

NSE publishes a CSV an index with the columns Company Name, Industry, Symbol, Series, ISIN Code. The lists that ship are
`data/index_members.json`, each with its date and source. Read by `app.services.index_members` and the command
`kite-services indices`. Pure but for the shipped file.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import date
from difflib import get_close_matches
from importlib import resources

from app.domain.constituents import Membership
from app.domain.errors import InvalidInput, NotSupported
from app.domain.instruments import Exchange, Instrument, InstrumentKind, parse_instrument_id

MAX_BYTES = 1_000_000
"""The list of the largest index, with 750 members, has 60 KB."""
MAX_MEMBERS = 2_000
"""The whole of the NSE's equities; a longer list is something else."""
NEAR = 3
"""Indices that a message suggests."""
SYMBOL = "symbol"
SHIPPED = "index_members.json"


def shipped_lists() -> tuple[Membership, ...]:
    """The lists that come with this version, oldest first."""
    text = resources.files("app.domain").joinpath("data", SHIPPED).read_text(encoding="utf-8")
    lists = [
        Membership(each["index"], date.fromisoformat(each["valid_from"]), tuple(each["members"]), each["source"])
        for each in json.loads(text)["lists"]
    ]
    return tuple(sorted(lists, key=lambda membership: membership.valid_from))


def parse_members(raw: bytes, index: str) -> tuple[str, ...]:
    """Ids of the members in a CSV as the exchange publishes it, in its order.

    Members trade on the exchange of the index. Raises InvalidInput that names the line and what is expected there.
    """
    exchange, _ = parse_instrument_id(index)
    rows = _rows(raw)
    header = [name.strip().casefold() for name in next(rows, (0, []))[1]]
    if SYMBOL not in header:
        msg = f"the first line must name the columns, one of them Symbol; it has {', '.join(header)[:200] or 'none'}"
        raise InvalidInput(msg)
    place = header.index(SYMBOL)
    members: dict[str, int] = {}
    for line, row in rows:
        member = _member(row, place, line, exchange)
        if member in members:
            msg = f"line {line}: {member} is there already, in line {members[member]}"
            raise InvalidInput(msg)
        members[member] = line
    if not 0 < len(members) <= MAX_MEMBERS:
        msg = f"the file has {len(members)} members; an index has 1 to {MAX_MEMBERS}"
        raise InvalidInput(msg)
    return tuple(members)


def check_kind(instrument: Instrument) -> None:
    """Raises NotSupported for what is known to be no index."""
    if instrument.kind not in {InstrumentKind.INDEX, InstrumentKind.OTHER}:
        msg = f"{instrument.id} is no index, it is {instrument.kind}: it has no members"
        raise NotSupported(msg)


def check_index(index: str, master: Iterable[Instrument]) -> None:
    """Returns if the master has the index, or is empty. Raises InvalidInput, with near ids, if it lacks the index."""
    exchange, _ = parse_instrument_id(index)
    if exchange is Exchange.YAHOO:
        msg = f"{index}: lists are kept for indices of Indian exchanges, as NSE:NIFTY 50"
        raise InvalidInput(msg)
    kinds = {instrument.id: instrument.kind for instrument in master}
    if kinds.get(index, InstrumentKind.INDEX) is not InstrumentKind.INDEX:
        msg = f"{index} is no index, it is {kinds[index]}"
        raise InvalidInput(msg)
    if kinds and index not in kinds:
        indices = (each for each, kind in kinds.items() if kind is InstrumentKind.INDEX)
        near = get_close_matches(index.upper(), sorted(indices), n=NEAR)
        hint = f"did you mean {' or '.join(near)}?" if near else "see `kite-services indices list` for some"
        msg = f"the instrument master has no index {index}; {hint}"
        raise InvalidInput(msg)


def _rows(raw: bytes) -> Iterator[tuple[int, list[str]]]:
    """The lines that are not empty, with their numbers."""
    if len(raw) > MAX_BYTES:
        msg = f"the file has {len(raw):,} bytes; a list of members has at most {MAX_BYTES:,}"
        raise InvalidInput(msg)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        msg = "the file is not UTF-8 text; use the CSV as it was downloaded"
        raise InvalidInput(msg) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, row
    except csv.Error as error:
        msg = f"line {reader.line_num}: {error}"
        raise InvalidInput(msg) from None


def _member(row: list[str], place: int, line: int, exchange: Exchange) -> str:
    symbol = row[place].strip() if place < len(row) else ""
    if not symbol:
        msg = f"line {line}: there is no symbol"
        raise InvalidInput(msg)
    try:
        parse_instrument_id(f"{exchange}:{symbol}")
    except InvalidInput as error:
        msg = f"line {line}: {error.message}"
        raise InvalidInput(msg) from None
    return f"{exchange}:{symbol}"
