"""Lists of index members as they are published and as they ship: text comes in, checked `Membership` goes out.

NSE publishes a CSV an index with the columns Company Name, Industry, Symbol, Series, ISIN Code. The lists that ship are
`data/index_members.json`, each with its date and source. Read by `app.services.index_members` and the command
`kite-services indices`. Pure but for the shipped file.
"""

import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from importlib import resources

from app.domain.constituents import Membership
from app.domain.errors import InvalidInput
from app.domain.instruments import Exchange, parse_instrument_id

MAX_BYTES = 1_000_000
"""The list of the largest index, with 750 members, has 60 KB."""
MAX_MEMBERS = 2_000
"""The whole of the NSE's equities; a longer list is something else."""
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
