"""What a process pays that never asks Yahoo."""

import sys

import anyio

VENDORS = ("yfinance", "pandas", "curl_cffi", "peewee", "bs4")
PROGRAM = f"""
import sys
from app.clock import SystemClock
from app.providers.yahoo import adapter, stream
from app.providers.yahoo.config import YahooConfig
yahoo = adapter.build_yahoo(YahooConfig(), clock=SystemClock())
stream.YahooTicker(YahooConfig(), clock=SystemClock(), open_now=lambda: lambda _: None)
yahoo.close()
print([name for name in {VENDORS} if name in sys.modules])
"""


async def test_building_everything_imports_nothing_of_the_vendors():
    """They are 70 MB and most of a second."""
    answer = await anyio.run_process([sys.executable, "-W", "error", "-c", PROGRAM])
    assert answer.stdout.decode().strip() == "[]"
