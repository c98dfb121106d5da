"""The data of every server: what ours answered from the sandbox, in one file."""

from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import orjson

from bench.contenders import Contender, ask
from bench.requests import rows_at, span
from bench.subject import CANDLE_ID, CANDLES, LONGEST, QUOTE_IDS, QUOTES

STREAM_SECONDS = 20.0
POLL_SECONDS = 0.1
MOST_INT = 2**31 - 1
"""The peers' Int."""


async def gather(contender: Contender, now: datetime) -> dict[str, Any]:
    """Fifty quotes and the longest chart, both from memory from now on."""
    start, end = span(now, LONGEST)
    quotes = await streamed(contender)
    bars = rows_at(await ask(contender, CANDLES, id=CANDLE_ID, **{"from": start, "to": end}), ["candles", "candles"])
    if any(row["volume"] > MOST_INT for row in (*quotes, *bars)):
        msg = "a volume is beyond what the peers' Int carries"
        raise AssertionError(msg)
    return {"quotes": quotes, "candles": bars}


async def streamed(contender: Contender) -> list[dict[str, Any]]:
    """The fifty quotes, once all of them come from the stream. Raises TimeoutError."""
    with anyio.fail_after(STREAM_SECONDS):
        while True:
            body = await ask(contender, QUOTES, ids=QUOTE_IDS)
            if body.get("extensions", {}).get("cost", {}).get("fromStream") == len(QUOTE_IDS):
                return rows_at(body, ["quotes"])
            await anyio.sleep(POLL_SECONDS)


def write(data: dict[str, Any], folder: Path) -> Path:
    """The file that the peers read."""
    path = folder / "data.json"
    path.write_bytes(orjson.dumps(data))
    return path
