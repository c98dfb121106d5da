"""The one clockwork that feeds every ticker socket.

Comes in: the open sockets and the simulated prices. Goes out: frames of packets that changed, heartbeats, first packets
and bursts. Each (token, mode) is looked at and encoded once a round, however many sockets carry it, and no socket is
ever waited for except by a burst.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeVar

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
"""Packets in a frame."""
LOOKS = 25
"""Instruments looked at before other tasks get their turn: two milliseconds, ten at the turn of a minute."""
HEARTBEAT = b"\x00"
BURST_PATIENCE_SECONDS = 30.0
"""A burst gives up on sockets that do not read for this long."""
Key = tuple[int, StreamMode]
T = TypeVar("T")
_log = structlog.get_logger()


def sliced(items: Iterable[T], size: int = SLICE) -> Iterable[list[T]]:
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
            changed: dict[Key, bytes] = {}
            for token, shown in await self._look(tokens):
                changed.update(self._changes(token, wanted[token], shown))
            self._distribute(changed)
        self.rounds += 1

    def _wanted(self) -> dict[int, set[StreamMode]]:
        wanted: dict[int, set[StreamMode]] = {}
        for socket in self._sockets():
            for token, mode in socket.subscriptions.items():
                wanted.setdefault(token, set()).add(mode)
        return wanted

    async def _look(self, tokens: list[int]) -> list[tuple[int, Snapshot]]:
        """What the tokens show now; those without a price are left out."""
        found = []
        for part in sliced(tokens, LOOKS):
            looks = [(token, self._prices.snapshot(token, self._clock.now())) for token in part]
            found += [(token, shown) for token, shown in looks if shown is not None]
            await checkpoint()
        return found

    def _changes(self, token: int, modes: Iterable[StreamMode], shown: Snapshot) -> dict[Key, bytes]:
        changed = {}
        for mode in modes:
            packet = encode_packet(token, mode, shown)
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
            for token, shown in await self._look(part):
                packet = encode_packet(token, mode, shown)
                self._last.setdefault((token, mode), fingerprint(packet))
                packets.append(packet)
            self._offer(socket, packets)

    async def burst(self, count: int, only: int | None) -> int:
        """Send `count` packets of every subscribed token (or of one) as fast as the sockets read; how many went out.

        The k-th has last_quantity k and a price that alternates by one percent, so that losses can be seen; ordinary
        ticks come in between. At the end every instrument shows its true price again.
        """
        sent_before, wanted = self.packets_sent, self._wanted()
        shown = await self._look([token for token in wanted if only in {None, token}])
        with anyio.move_on_after(BURST_PATIENCE_SECONDS):
            for number in range(1, count + 1):
                for part in sliced(shown):
                    shaken = [(token, _shaken(snapshot, number)) for token, snapshot in part]
                    await self._flood(
                        {
                            (token, mode): encode_packet(token, mode, now)
                            for token, now in shaken
                            for mode in wanted[token]
                        }
                    )
        self._last.clear()
        return self.packets_sent - sent_before

    async def _flood(self, packets: dict[Key, bytes]) -> None:
        self._distribute(packets)
        await checkpoint()
        for socket in self._sockets():
            await socket.room()


def _shaken(snapshot: Snapshot, number: int) -> Snapshot:
    price = snapshot.last_price if number % 2 else round(snapshot.last_price * 1.01, 2)
    return replace(snapshot, last_price=price, last_quantity=number)
