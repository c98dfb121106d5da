"""Candles in a terminal: an hour of 1-minute bars, live at the right end.

Comes in: the updates of `Subscription.candles`. Goes out: a picture of characters. `make demo` ends with it; alone:
`python -m tools.chart [http://127.0.0.1:8179 [NSE:INFY [seconds]]]`. Where there is no terminal, the last picture is
printed once.
"""

import sys
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import anyio
import orjson
from rich.console import Console
from rich.live import Live
from rich.text import Text
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

BARS = 60
"""An hour of minutes; one column each."""
HEIGHT = 17
"""Lines of prices; each shows two steps, and every fourth has its price beside it."""
VOLUME_HEIGHT = 2
SECONDS = 15.0
LABEL_EVERY = 15
"""Columns between two times below the chart."""
GLYPHS = {
    "  ": " ", " .": "╷", " #": "╻", ". ": "╵", "..": "│", ".#": "╽", "# ": "╹", "#.": "╿", "##": "┃",
}  # fmt: skip
"""Upper and lower half of a cell: nothing, a wick or a body."""
EIGHTHS = " ▁▂▃▄▅▆▇█"
UP, DOWN = "green", "red"
QUERY = f"""subscription Chart($id: ID!) {{ candles(id: $id, interval: MINUTE, snapshot: {BARS}, throttleMs: 500) {{
  candles {{ epochSeconds time open high low close volume state }} sources {{ source }} }} }}"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One column."""

    time: datetime
    open: float
    high: float
    low: float
    close: float
    volume: int
    forming: bool

    @property
    def colour(self) -> str:
        """By its direction; the bar that is still open shines."""
        return ("bright_" if self.forming else "") + (UP if self.close >= self.open else DOWN)


@dataclass(slots=True)
class Chart:
    """The newest bars of an instrument, as updates tell them."""

    title: str
    bars: dict[int, Bar] = field(default_factory=dict)
    source: str = ""
    updates: int = 0

    def take(self, series: dict[str, Any]) -> None:
        """Bars that are new or changed; what is older than an hour leaves on the left."""
        self.updates += 1
        for bar in series["candles"]:
            prices = (bar["open"], bar["high"], bar["low"], bar["close"])
            forming = bar["state"] == "FORMING"
            self.bars[bar["epochSeconds"]] = Bar(
                datetime.fromisoformat(bar["time"]), *prices, bar["volume"], forming=forming
            )
        self.bars = dict(sorted(self.bars.items())[-BARS:])
        self.source = ", ".join(share["source"] for share in series["sources"]) or self.source

    def picture(self) -> Text:
        """The chart as it is now."""
        bars = list(self.bars.values())
        if not bars:
            return Text(f"{self.title}: no bars yet")
        lines = [self._head(bars), *price_lines(bars), *volume_lines(bars), time_line(bars)]
        return Text("\n").join(lines)

    def _head(self, bars: Sequence[Bar]) -> Text:
        last, first = bars[-1], bars[0]
        change = 100 * (last.close / first.open - 1) if first.open else 0.0
        state = "forming" if last.forming else "final"
        head = Text(f"{self.title}  1 minute  {self.source}  ", style="bold")
        head.append(f"{last.close:,.2f}  {change:+.2f} %", style=last.colour)
        head.append(f"  {last.time:%H:%M} {state}, {self.updates} updates", style="dim")
        return head


def price_lines(bars: Sequence[Bar]) -> Iterable[Text]:
    """Bodies and wicks, the highest price on top."""
    low, high = min(bar.low for bar in bars), max(bar.high for bar in bars)
    step = (high - low) / (2 * HEIGHT - 1) or 1.0
    columns = [column(bar, low, step) for bar in bars]
    for line in range(HEIGHT):
        top = 2 * (HEIGHT - 1 - line) + 1
        label = f"{low + top * step:>11,.2f} ┤" if line % 4 == 0 else " " * 12 + "│"
        text = Text(label, style="dim")
        for bar, halves in zip(bars, columns, strict=True):
            text.append(GLYPHS[halves[top] + halves[top - 1]], style=bar.colour)
        yield text


def column(bar: Bar, low: float, step: float) -> str:
    """What each half of a cell shows, from the lowest price up: ` ` nothing, `.` wick, `#` body."""
    at = [round((price - low) / step) for price in (bar.low, *sorted((bar.open, bar.close)), bar.high)]
    bottom, body_bottom, body_top, top = at
    halves = [" "] * (2 * HEIGHT)
    halves[bottom : top + 1] = "." * (top + 1 - bottom)
    halves[body_bottom : body_top + 1] = "#" * (body_top + 1 - body_bottom)
    return "".join(halves)


def volume_lines(bars: Sequence[Bar]) -> Iterable[Text]:
    """Bars of volume, the largest as high as all lines."""
    steps = len(EIGHTHS) - 1
    largest = max(bar.volume for bar in bars) or 1
    for line in reversed(range(VOLUME_HEIGHT)):
        text = Text(f"{'volume' if line == 0 else '':>11} │", style="dim")
        for bar in bars:
            filled = round(bar.volume / largest * steps * VOLUME_HEIGHT) - steps * line
            text.append(EIGHTHS[min(max(filled, 0), steps)], style=f"dim {bar.colour}")
        yield text


def time_line(bars: Sequence[Bar]) -> Text:
    """India's time under some of the bars."""
    text = " " * 13
    for number in range(0, len(bars), LABEL_EVERY):
        text = text.ljust(13 + number) + f"{bars[number].time:%H:%M}"
    return Text(text, style="dim")


async def draw(service: str, instrument_id: str, console: Console, *, seconds: float = SECONDS) -> Chart:
    """The chart of an instrument, redrawn with each update for some seconds. Raises RuntimeError if it is refused."""
    chart = Chart(instrument_id)
    address = service.replace("http", "ws", 1) + "/graphql"
    live = Live(chart.picture(), console=console, refresh_per_second=4) if console.is_terminal else None
    async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None) as ws:
        await ws.send(orjson.dumps({"type": "connection_init"}).decode())
        await ws.recv()
        payload = {"query": QUERY, "variables": {"id": instrument_id}}
        await ws.send(orjson.dumps({"id": "chart", "type": "subscribe", "payload": payload}).decode())
        with live or nullcontext(), anyio.move_on_after(seconds):
            async for message in ws:
                take(chart, orjson.loads(message))
                if live is not None:
                    live.update(chart.picture())
    if live is None:
        console.print(chart.picture())
    return chart


def take(chart: Chart, message: dict[str, Any]) -> None:
    """One message of the subscription. Raises RuntimeError for an error."""
    errors = message["payload"] if message["type"] == "error" else message.get("payload", {}).get("errors")
    if errors:
        msg = f"the subscription was refused: {errors[0]['message']}"
        raise RuntimeError(msg)
    if message["type"] == "next":
        chart.take(message["payload"]["data"]["candles"])


def main() -> None:
    """Draw, as the command line says."""
    given = dict(enumerate(sys.argv[1:]))
    service, instrument_id = given.get(0, "http://127.0.0.1:8179"), given.get(1, "NSE:INFY")

    async def run() -> None:
        await draw(service, instrument_id, Console(highlight=False), seconds=float(given.get(2, SECONDS)))

    anyio.run(run)


if __name__ == "__main__":
    main()
