"""The collector's settings for a server, and memory that goes back: never for longer than they are asked for."""

import ctypes
import gc
import subprocess
import sys
from pathlib import Path

from app.domain.garbage import MIDDLE, OLD, YOUNG, collections_for_serving, exempt_what_lives

ROOT = Path(__file__).parents[2]
BLOCK = 100_000
"""Bytes that glibc takes from its heap and not from the system: below 128 KiB."""
BLOCKS = 500


def test_collections_are_rare_inside_and_as_before_after() -> None:
    before = gc.get_threshold()
    with collections_for_serving():
        assert gc.get_threshold() == (YOUNG, MIDDLE, OLD) != before
    assert gc.get_threshold() == before


def test_what_lives_is_never_walked_again() -> None:
    """And is still freed when nobody refers to it."""
    kept = [[number] for number in range(1_000)]
    exempt_what_lives()
    assert gc.get_freeze_count() >= len(kept)
    assert not any(each is kept for each in gc.get_objects())


RETURNING = """
from app.domain.garbage import return_freed_memory
from tests.operations.test_garbage import BLOCK, BLOCKS, resident

held = [(bytearray(BLOCK), bytearray(1_000)) for _ in range(BLOCKS)]
above = [small for _, small in held]
held.clear()
full = resident()
return_freed_memory()
print(full - resident())
"""
"""In a process of its own: in one that has freed much before, the blocks would only fill the holes."""


def test_freed_memory_goes_back_to_the_system() -> None:
    """50 MB with a small living block above each freed one; where the C library cannot, nothing happens."""
    command = [sys.executable, "-c", RETURNING]
    returned = int(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)  # noqa: S603 - our own text
    if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim"):
        assert returned > BLOCKS * BLOCK / 2


def resident() -> int:
    """Bytes of this process in memory; 0 where the system does not tell."""
    told = Path("/proc/self/statm")
    return int(told.read_text().split()[1]) * 4_096 if told.exists() else 0
