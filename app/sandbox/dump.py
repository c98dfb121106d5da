"""The instrument master of the day, made once and kept compressed.

Comes in: an exchange or None. Goes out: gzip CSV bytes, the same all day, as Kite generates its dump once a morning.
"""

import gzip
from datetime import date

import anyio
from anyio import to_thread

from app.domain.time import ist_date
from app.ports import Clock
from app.sandbox.master import large_master_csv, master_csv
from app.sandbox.prices import Market
from app.sandbox.settings import SandboxSettings

COMPRESS_LEVEL = 5
"""Past this, a tenth of the size costs twice the time."""


class InstrumentDumps:
    """One compressed dump an exchange and day. Made in a thread, so that the ticker goes on."""

    def __init__(self, settings: SandboxSettings, market: Market, clock: Clock) -> None:
        self._settings = settings
        self._market = market
        self._clock = clock
        self._made: dict[str | None, bytes] = {}
        self._made_on: date | None = None
        self._making = anyio.Lock()

    async def compressed(self, exchange: str | None) -> bytes:
        """The dump of one exchange, or the whole master."""
        async with self._making:
            today = ist_date(self._clock.now())
            if self._made_on != today:
                self._made, self._made_on = {}, today
            if exchange not in self._made:
                self._made[exchange] = await to_thread.run_sync(self._make, exchange, today)
            return self._made[exchange]

    def _make(self, exchange: str | None, today: date) -> bytes:
        rows = self._settings.master_rows
        if rows is not None and exchange is None:
            content = large_master_csv(seed=self._settings.seed, rows=rows, today=today)
        else:
            chosen = (row for row in self._market.listed if exchange in {None, row.instrument.exchange.value})
            content = master_csv(chosen)
        return gzip.compress(content, COMPRESS_LEVEL)
