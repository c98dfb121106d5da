"""Repeatable noise: hashes of integers, and smooth random lines that are summed over many scales.

An octave is a line through random heights at the multiples of its period; the sum of octaves whose heights grow
with the square root of their periods moves like a price over minutes and over years, and stays within bounds.

Each function stands here twice, for one number and for an array. Both use only operations that IEEE 754
rounds exactly, in the same order, so that they agree to the last bit. Nothing here may call exp, log or sin.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]

_MASK = (1 << 64) - 1
_STEP, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_HALF_RANGE = 2.0**-52


def key_of(*parts: object) -> int:
    """A 64-bit key of anything that prints; the same in every process."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def mix(key: int, number: int) -> int:
    """64 random bits for a number (the finaliser of splitmix64)."""
    word = (key + number * _STEP) & _MASK
    word = ((word ^ (word >> 30)) * _FIRST) & _MASK
    word = ((word ^ (word >> 27)) * _SECOND) & _MASK
    return word ^ (word >> 31)


def mix_range(key: int, first: int, count: int) -> Words:
    """`mix` of `count` numbers from `first` on."""
    word = np.arange(first, first + count, dtype=np.int64).view(np.uint64)
    word *= np.uint64(_STEP)
    word += np.uint64(key)
    word ^= word >> np.uint64(30)
    word *= np.uint64(_FIRST)
    word ^= word >> np.uint64(27)
    word *= np.uint64(_SECOND)
    word ^= word >> np.uint64(31)
    return word


class Octave(NamedTuple):
    """One scale of a path."""

    period: int
    """Minutes between its random heights."""
    amplitude: float
    own_key: int
    shared_key: int
    shared: float
    """How much of the heights is common to all paths with the same `shared_key`, -1 (against it) to 1."""


def height(octave: Octave, cell: int) -> float:
    """Where the line passes at the beginning of a cell, within +-amplitude."""
    own = (mix(octave.own_key, cell) >> 11) * _HALF_RANGE - 1.0
    if octave.shared:
        common = (mix(octave.shared_key, cell) >> 11) * _HALF_RANGE - 1.0
        own = octave.shared * common + (1.0 - abs(octave.shared)) * own
    return octave.amplitude * own


def heights(octave: Octave, first: int, count: int) -> Floats:
    """`height` of `count` cells from `first` on."""
    own = _signed(mix_range(octave.own_key, first, count))
    if octave.shared:
        common = _signed(mix_range(octave.shared_key, first, count))
        own = octave.shared * common + (1.0 - abs(octave.shared)) * own
    return octave.amplitude * own


def _signed(words: Words) -> Floats:
    return (words >> np.uint64(11)).astype(np.float64) * _HALF_RANGE - 1.0


def wander(octaves: Sequence[Octave], minute: int) -> float:
    """The sum of all octaves at a minute."""
    total = 0.0
    for octave in octaves:
        cell, within = divmod(minute, octave.period)
        left = height(octave, cell)
        total += left + (height(octave, cell + 1) - left) * (within / octave.period)
    return total


def wander_range(octaves: Sequence[Octave], first: int, count: int) -> Floats:
    """`wander` of `count` minutes from `first` on."""
    minutes = np.arange(first, first + count, dtype=np.int64)
    total = np.zeros(count)
    for octave in octaves:
        cell = minutes // octave.period
        within = (minutes - cell * octave.period) / octave.period
        base = first // octave.period
        line = heights(octave, base, (first + count - 1) // octave.period - base + 2)
        cell -= base
        total += line[cell] + (line[1:] - line[:-1])[cell] * within
    return total
