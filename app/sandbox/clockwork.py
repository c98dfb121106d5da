"""The one clockwork that feeds every ticker socket.

Comes in: the open sockets and the simulated prices. Goes out: frames of packets that changed, heartbeats, first packets
and bursts. Each (token, mode) is looked at and encoded once a round, however many sockets carry it, and no socket is
ever waited for except by a burst.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice

import anyio
import structlog
from anyio.lowlevel import checkpoint

from app.domain.quotes import StreamMode
from app.ports import Clock
from app.sandbox.connection import TickerSocket
from app.sandbox.encode import encode_packet, fingerprint, frame
from app.sandbox.prices import PriceDesk
from app.sandbox.settings import SandboxSettings
from app.sandbox.shapes import Snapshot

SLICE = 200
"""Instruments looked at, and packets in a frame, before other tasks get their turn: a few milliseconds."""
HEARTBEAT = b"\x00"
BURST_PATIENCE_SECONDS = 30.0
"""A burst gives up on sockets that do not read for this long."""
Key = tuple[int, StreamMode]
_log = structlog.get_logger()


def sliced(items: Iterable[int], size: int = SLICE) -> Iterable[list[int]]:
    """`items` in lists of at most `size`."""
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part


class Clockwork:
    """Rounds and heartbeats over `sockets()`, which it asks for anew each time."""

    def __init__(
        self,
        settings: SandboxSettings,
        *,
        clock: Clock,
        prices: PriceDesk,
        sockets: Callable[[], Sequence[TickerSocket]],
    ) -> None:
        self.packets_sent = 0
        self.rounds = 0
        self._settings = settings
        self._clock = clock
        self._prices = prices
        self._sockets = sockets
        self._last: dict[Key, bytes] = {}

    async def run(self) -> None:
        """Tick and beat until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._beat)
            tasks.start_soon(self._tick)

    async def _beat(self) -> None:
        while True:
            await anyio.sleep(self._settings.heartbeat_seconds)
            for socket in self._sockets():
                socket.offer(HEARTBEAT)

    async def _tick(self) -> None:
        while True:
            started = self._clock.monotonic()
            try:
                await self.round()
            except Exception as error:  # noqa: BLE001  a supervised loop: one bad price must not end the stream
                _log.error("sandbox_round_failed", error=repr(error))
            spent = self._clock.monotonic() - started
            await anyio.sleep(max(0.0, self._settings.tick_seconds - spent))

    async def round(self) -> None:
        """Send every subscribed instrument that changed since the last round."""
        wanted = self._wanted()
        self._last = {key: self._last[key] for key in self._last if key[1] in wanted.get(key[0], ())}
        for tokens in sliced(wanted):
            changed = {}
            for token in tokens:
                changed.update(self._changes(token, wanted[token]))
            self._distribute(changed)
            await checkpoint()
        self.rounds += 1

    def _wanted(self) -> dict[int, set[StreamMode]]:
        wanted: dict[int, set[StreamMode]] = {}
        for socket in self._sockets():
            for token, mode in socket.subscriptions.items():
                wanted.setdefault(token, set()).add(mode)
        return wanted

    def _changes(self, token: int, modes: Iterable[StreamMode]) -> dict[Key, bytes]:
        snapshot = self._prices.snapshot(token, self._clock.now())
        if snapshot is None:
            return {}
        changed = {}
        for mode in modes:
            packet = encode_packet(token, mode, snapshot)
            seen = fingerprint(packet)
            if self._last.get((token, mode)) != seen:
                self._last[token, mode] = seen
                changed[token, mode] = packet
        return changed

    def _distribute(self, packets: dict[Key, bytes]) -> None:
        for socket in self._sockets():
            mine = [packet for (token, mode), packet in packets.items() if socket.subscriptions.get(token) is mode]
            self._offer(socket, mine)

    def _offer(self, socket: TickerSocket, packets: list[bytes]) -> None:
        if packets:
            self.packets_sent += len(packets)
            socket.offer(frame(packets))

    async def first_packets(self, socket: TickerSocket, tokens: Iterable[int], mode: StreamMode) -> None:
        """Send the present state of `tokens` to one socket, changed or not."""
        for part in sliced(tokens):
            packets = []
            for token in part:
                snapshot = self._prices.snapshot(token, self._clock.now())
                if snapshot is not None:
                    packet = encode_packet(token, mode, snapshot)
                    self._last.setdefault((token, mode), fingerprint(packet))
                    packets.append(packet)
            self._offer(socket, packets)
            await checkpoint()

    async def burst(self, count: int, instrument: str | None) -> int:
        """Send `count` distinct packets of every subscribed instrument as fast as the sockets read; how many.

        The k-th has last_quantity k, and a price that alternates by one percent, so that losses can be seen.
        """
        sent_before = self.packets_sent
        only = None if instrument is None else self._prices.token_of(instrument)
        with anyio.move_on_after(BURST_PATIENCE_SECONDS):
            for number in range(1, count + 1):
                await self._burst_once(number, only)
        self._last.clear()
        return self.packets_sent - sent_before

    async def _burst_once(self, number: int, only: int | None) -> None:
        wanted = self._wanted()
        for tokens in sliced(token for token in wanted if only is None or token == only):
            packets = {}
            for token in tokens:
                snapshot = self._prices.snapshot(token, self._clock.now())
                if snapshot is not None:
                    shaken = _shaken(snapshot, number)
                    packets.update({(token, mode): encode_packet(token, mode, shaken) for mode in wanted[token]})
            self._distribute(packets)
            for socket in self._sockets():
                await socket.room()


def _shaken(snapshot: Snapshot, number: int) -> Snapshot:
    price = snapshot.last_price if number % 2 else round(snapshot.last_price * 1.01, 2)
    return replace(snapshot, last_price=price, last_quantity=number)
