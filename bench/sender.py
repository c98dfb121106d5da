"""The other side of `bench.intake`: a ticker in a process of its own, that sends what was built before.

`python -m bench.sender`. It prints its port and takes one WebSocket. Each line on its stdin is a `Load` as JSON: it
answers `ready`, and on the next line, whatever that says, sends all of it as fast as the socket takes it, without a
thought a packet, so that the figures are the reader's.
"""

import random
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from typing import cast

import orjson
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from tests.kite_ticker.wire import HEARTBEAT, Level, frame, full_packet, ltp_packet, quote_packet

FULL, QUOTE, LTP = "full", "quote", "ltp"
EPOCH = 1_790_000_000
RECEIVED = 65_536


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent."""

    instruments: int
    """Their tokens are 1 << 8 | 1 and so on; the next one is that of the mark."""
    packets: int
    """So many, and the mark."""
    frames: tuple[int, ...]
    """Packets of a message: each of these sizes in turn."""
    modes: tuple[str, ...]
    """The packets' modes, in turn."""
    mark: int = 0
    """The price in the last packet of all, by which the reader knows that everything has passed."""


def main() -> None:
    """Until stdin ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        say(str(listener.getsockname()[1]))
        line, _ = listener.accept()
    with line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        upgrade(line)
        line.sendall(message(HEARTBEAT))
        threading.Thread(target=ignore, args=(line,), daemon=True).start()
        for order in sys.stdin:
            parts = list(built(Load(**orjson.loads(order))))
            say("ready")
            sys.stdin.readline()
            for part in parts:
                line.sendall(part)


def say(word: str) -> None:
    """To whoever started this."""
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def upgrade(line: socket.socket) -> None:
    """Say yes to whatever is asked."""
    protocol = ServerProtocol()
    while not (events := protocol.events_received()):
        protocol.receive_data(line.recv(RECEIVED))
    protocol.send_response(protocol.accept(cast("Request", events[0])))
    for data in protocol.data_to_send():
        line.sendall(data)


def ignore(line: socket.socket) -> None:
    """Subscriptions: all instruments are sent anyway."""
    while line.recv(RECEIVED):
        pass


def built(load: Load) -> Iterator[bytes]:
    """The messages as they stand on the wire, a few hundred kilobytes at a time."""
    sizes, packets = cycle(load.frames), islice(cycle(one_round(load)), load.packets)
    part = bytearray()
    while chosen := list(islice(packets, next(sizes))):
        part += message(frame(*chosen))
        if len(part) > 4 * RECEIVED:
            yield bytes(part)
            part.clear()
    yield bytes(part + message(frame(ltp_packet(load.instruments + 1 << 8 | 1, load.mark))))


def one_round(load: Load) -> list[bytes]:
    """A packet of each instrument and mode, in no order."""
    chance = random.Random(4)  # noqa: S311 -- nothing secret
    packets = [packet(number, mode, chance) for number in range(1, load.instruments + 1) for mode in load.modes]
    chance.shuffle(packets)
    return packets


def packet(number: int, mode: str, chance: random.Random) -> bytes:
    """A living stock: everything is filled, five levels a side."""
    token, last = number << 8 | 1, chance.randrange(5_000, 500_000, 5)
    if mode == LTP:
        return ltp_packet(token, last)
    fields = (last, chance.randrange(1, 500), last - 15, chance.randrange(10**7), 10**6, 10**6, last, last, last, last)
    if mode == QUOTE:
        return quote_packet(token, *fields)
    bids = [Level(chance.randrange(1, 9_999), last - 5 * row, chance.randrange(1, 99)) for row in range(5)]
    asks = [Level(chance.randrange(1, 9_999), last + 5 * row, chance.randrange(1, 99)) for row in range(1, 6)]
    seconds = EPOCH + chance.randrange(5)
    return full_packet(token, fields, (seconds - chance.randrange(60), 0, 0, 0, seconds), [*bids, *asks])


def message(data: bytes) -> bytes:
    """A binary message in one frame, as servers send it."""
    return Frame(Opcode.BINARY, data).serialize(mask=False)


if __name__ == "__main__":
    main()
