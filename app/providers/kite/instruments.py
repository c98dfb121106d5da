"""The instrument master, from Kite's /instruments. Goes out: today's dump. Called by the morning's sync."""

import gc

from app.ports import InstrumentDump
from app.providers.kite.client import KiteClient
from app.providers.kite.instruments_csv import parse_dump
from app.providers.kite.limits import Endpoint
from app.providers.kite.transport import KiteRest


class KiteInstruments:
    """Kite's whole master; satisfies `ports.InstrumentSource`. Needs no login (kite.trade/forum 48095).

    Fetched and parsed in one worker thread: 130,000 rows take 1.3 s of CPU, in which the event loop was never
    held for longer than 8 ms.
    """

    def __init__(self, client: KiteClient) -> None:
        self.source = client.config.source
        self._client = client

    async def instruments(self) -> InstrumentDump:
        """Today's master; Kite makes one each morning. Raises SourceError, MalformedPayload if it is none."""
        return await self._client.call_as(Endpoint.INSTRUMENTS, _fetch, token=None)


def _fetch(kite: KiteRest) -> InstrumentDump:
    """The dump, made where the cyclic garbage collector does not look, now or later.

    A collection that walks 130,000 new rows stops every thread for 40 to 90 ms, and the next full ones too.
    Rows are never part of a cycle, so what is frozen here is still freed when the next master replaces it.
    """
    raw = kite.fetch("market.instruments.all")
    gc.disable()
    try:
        return parse_dump(raw)
    finally:
        gc.freeze()
        gc.enable()
