"""Who wants which instrument, how much of it, and for how long: what the source shall carry.

Streams hold and release instruments, queries heat them; the feed hands `wanted` to the source.
Pure: the time comes in with each call, in monotonic seconds.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

from app.domain.errors import MarketDataError, NotSupported
from app.domain.instruments import Instrument
from app.domain.quotes import StreamMode
from app.ports import InstrumentLookup, Wanted


@dataclass(frozen=True, slots=True)
class Claim:
    """How much of an instrument one stream wants."""

    mode: StreamMode
    every_tick: bool = False


HOT = Claim(StreamMode.FULL)
"""A query may ask for any field, so what it heats is carried in full."""

RENEWAL = 0.1
"""Heat is renewed when this share of it is spent: queries ask thousands of times a second, and mostly for the same."""


def has_token(instrument: Instrument) -> bool:
    """Whether a stream of one source knows the instrument: by the broker's number for it."""
    return instrument.instrument_token is not None


class _Rank(IntEnum):
    """How firmly an instrument holds its place; a higher one may take a lower one's."""

    HOT = 1
    LINGERING = 2
    HELD = 3


@dataclass(slots=True)
class _Entry:
    instrument: Instrument
    held: Counter[Claim] = field(default_factory=Counter)
    lingering: set[Claim] = field(default_factory=set)
    linger_until: float = 0.0
    hot_until: float | None = None

    @property
    def rank(self) -> _Rank | None:
        if self.held:
            return _Rank.HELD
        if self.lingering:
            return _Rank.LINGERING
        return None if self.hot_until is None else _Rank.HOT

    def wanted(self) -> Wanted:
        claims = {*self.held, *self.lingering}
        if self.hot_until is not None:
            claims.add(HOT)
        mode = max(claim.mode for claim in claims)
        return Wanted(self.instrument, mode, every_tick=any(claim.every_tick for claim in claims))

    def expire(self, now: float) -> bool:
        """Drop what is over; whether anything was."""
        cooled = self.hot_until is not None and self.hot_until <= now
        lingered = bool(self.lingering) and self.linger_until <= now
        if cooled:
            self.hot_until = None
        if lingered:
            self.lingering.clear()
        return cooled or lingered


class Interest:
    """Ref-counted interest in instruments, never more of them than `capacity`.

    Each is wanted in the lowest mode that serves everyone. Full policy: a stream takes the place of
    the oldest hot instrument, then of the oldest lingering one, and is refused if all are held; a
    query takes only the place of an older hot one, and is left out without a word. Not thread-safe.
    """

    def __init__(
        self,
        capacity: int,
        *,
        linger: float,
        hot_for: float,
        on_change: Callable[[], None],
        on_recording: Callable[[str, bool], None],
        carries: Callable[[Instrument], bool] = has_token,
    ) -> None:
        """`carries`: whether any stream can carry an instrument at all."""
        self.wanted: dict[str, Wanted] = {}
        """The whole desired state, by instrument id; read it, do not write it."""
        self._capacity = capacity
        self._linger = linger
        self._hot_for = hot_for
        self._on_change = on_change
        self._on_recording = on_recording
        self._carries = carries
        self._entries: dict[str, _Entry] = {}
        self._spare: dict[_Rank, OrderedDict[str, None]] = {
            _Rank.HOT: OrderedDict(),
            _Rank.LINGERING: OrderedDict(),
        }

    def hold(self, instruments: Iterable[Instrument], claim: Claim) -> dict[str, MarketDataError]:
        """Want these until they are released; the reasons of those that cannot be had, by id."""
        rejected: dict[str, MarketDataError] = {}
        for instrument in instruments:
            refusal = self._refusal(instrument)
            if refusal is not None:
                rejected[instrument.id] = refusal
                continue
            entry = self._entries.setdefault(instrument.id, _Entry(instrument))
            entry.instrument = instrument
            entry.held[claim] += 1
            self._settle(entry)
        return rejected

    def release(self, instrument_ids: Iterable[str], claim: Claim, now: float) -> None:
        """Undo one `hold`; the claim lingers for those who come back."""
        for instrument_id in instrument_ids:
            entry = self._entries[instrument_id]
            entry.held[claim] -= 1
            if not entry.held[claim]:
                del entry.held[claim]
                entry.lingering.add(claim)
                entry.linger_until = now + self._linger
            self._settle(entry)

    def heat(self, instruments: Sequence[Instrument], now: float) -> None:
        """Want these in full for a while, as far as there is room."""
        until = now + self._hot_for
        young_from = until - self._hot_for * RENEWAL
        for instrument in instruments:
            entry = self._entries.get(instrument.id)
            if entry is None:
                if not self._carries(instrument) or not self._room_for_hot(until):
                    continue
                entry = self._entries[instrument.id] = _Entry(instrument)
            elif entry.hot_until is not None and entry.hot_until > young_from:
                continue
            entry.instrument = instrument
            entry.hot_until = until
            self._settle(entry)

    def expire(self, now: float) -> None:
        """Drop everything whose time is over."""
        for entry in [entry for entry in self._entries.values() if entry.expire(now)]:
            self._settle(entry)

    def renew(self, master: InstrumentLookup) -> None:
        """Take every instrument as the master has it now: exchanges give an expired contract's token to another one.

        What the master has no more keeps its place until it is released, without a token, so nothing is carried for it.
        """
        for instrument_id, entry in self._entries.items():
            entry.instrument = master.find(instrument_id) or replace(entry.instrument, instrument_token=None)
            self._want(instrument_id, entry.wanted())

    def _refusal(self, instrument: Instrument) -> MarketDataError | None:
        if not self._carries(instrument):
            return NotSupported(f"{instrument.id} has no instrument token, so no stream carries it; query it instead")
        if instrument.id in self._entries or self._make_room(_Rank.HELD):
            return None
        return NotSupported(
            f"{instrument.id} is one too many: the stream carries at most {self._capacity} instruments at once; "
            "subscribe to fewer, or query it instead"
        )

    def _room_for_hot(self, until: float) -> bool:
        oldest = next(iter(self._spare[_Rank.HOT]), None)
        # What was heated in this very call is not older: without this a long list would evict itself.
        if len(self._entries) >= self._capacity and oldest and self._entries[oldest].hot_until == until:
            return False
        return self._make_room(_Rank.LINGERING)

    def _make_room(self, rank: _Rank) -> bool:
        """Whether there is room, if need be by dropping the oldest one of a rank below."""
        if len(self._entries) < self._capacity:
            return True
        for lower, spare in self._spare.items():
            if lower < rank and spare:
                self._drop(next(iter(spare)))
                return True
        return False

    def _drop(self, instrument_id: str) -> None:
        entry = self._entries[instrument_id]
        entry.lingering.clear()
        entry.hot_until = None
        self._settle(entry)

    def _settle(self, entry: _Entry) -> None:
        """Make `wanted`, the order of leaving and the listeners agree with the entry."""
        instrument_id, rank = entry.instrument.id, entry.rank
        for spare in self._spare.values():
            spare.pop(instrument_id, None)
        if rank in self._spare:
            self._spare[rank][instrument_id] = None
        if rank is None:
            del self._entries[instrument_id]
        self._want(instrument_id, None if rank is None else entry.wanted())

    def _want(self, instrument_id: str, wanted: Wanted | None) -> None:
        before = self.wanted.get(instrument_id)
        if wanted == before:
            return
        if wanted is None:
            del self.wanted[instrument_id]
        else:
            self.wanted[instrument_id] = wanted
        recorded = before is not None and before.every_tick
        recording = wanted is not None and wanted.every_tick
        if recorded is not recording:
            self._on_recording(instrument_id, recording)
        self._on_change()
