"""What a process pays for Yahoo, and what it leaves on the disk: tested in processes of their own."""

import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from tests.support.sandbox import running_sandbox
from tests.yahoo.test_lazy import VENDORS

ROOT = Path(__file__).parents[2]
WHOLE_SERVICE = f"""
import sys
import app.main, app.cli, app.joining, app.commands.library
print([name for name in {VENDORS} if name in sys.modules])
"""
ASKING = """
import sys
import anyio
from app.clock import SystemClock
from app.domain.candles import CandleRange, Interval
from app.providers.yahoo.adapter import build_yahoo
from app.providers.yahoo.config import YahooConfig
from app.providers.yahoo.symbols import yahoo_instrument
from datetime import timedelta

async def ask():
    clock = SystemClock()
    yahoo = build_yahoo(YahooConfig(*sys.argv[1:]), clock=clock)
    spx = yahoo_instrument("^GSPC")
    print(len((await yahoo.quotes.quotes([spx])).quotes))
    days = CandleRange(clock.now() - timedelta(days=30), clock.now())
    print(len(await yahoo.candles.candles(spx, Interval.DAY, days)) > 10)
    yahoo.close()

anyio.run(ask)
"""


async def test_a_whole_service_imports_nothing_of_the_vendors() -> None:
    """Until Yahoo is asked the first time: most services with a login never ask."""
    answer = await anyio.run_process([sys.executable, "-c", WHOLE_SERVICE], cwd=ROOT)
    assert answer.stdout.decode().strip() == "[]"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody may write to, but for root; afterwards it is still empty."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o500)
    yield folder
    assert list(folder.iterdir()) == []


async def test_asking_writes_nothing_anywhere(home: Path) -> None:
    """The vendor would keep cookies and time zones below the home, which a container has not."""
    places = {name: str(home) for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMPDIR")}
    async with running_sandbox() as sandbox:
        answer = await anyio.run_process(
            [sys.executable, "-c", ASKING, sandbox.url, sandbox.yahoo_stream_url],
            cwd=home,
            env={**places, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        )
    assert answer.stdout.decode().split() == ["1", "True"]
