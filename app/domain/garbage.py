"""Python's cyclic collector and the C library's memory, where a great many long-lived objects come and go.

For whoever reads a master, and for the commands that serve. Making 130,000 instruments provokes full collections,
each of which stops every thread for 50 ms and more and finds nothing: instruments refer to no one that refers back.
"""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collections_paused() -> Iterator[None]:
    """No collection starts inside, in the whole process, and what was made by its end is exempt from all later ones.

    Exempt objects are still freed when nobody refers to them; only cycles that became garbage meanwhile are kept
    for good. So use it for seconds, a few times a day, around work that ends by itself. May be nested, also from
    several threads: collections are on again when all who found them on have left.
    """
    was_on = gc.isenabled()
    gc.collect(1)  # young garbage, while there is little of anything else that is young
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # first, or the next allocation would provoke a walk through all that is new
        if was_on:
            gc.enable()


YOUNG, MIDDLE, OLD = 10_000, 10, 10
"""When collections start, as gc.set_threshold takes it. Python's 700 are gone in a millisecond of ticks, and every
hundredth of its collections walks a quarter of a million objects of imported code. A young collection of 10,000 takes
under a millisecond; a million new containers, 100 MB at most, may pass between two full ones."""


@contextmanager
def collections_for_serving() -> Iterator[None]:
    """Inside, collections are as a server wants them: rare. For commands that serve, around their whole life.

    Not for an import, and nothing of a library: the setting is that of the process.
    """
    before = gc.get_threshold()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def exempt_what_lives() -> None:
    """Collect now, and never look at what is left again: called once, when the server has started.

    A full collection of a started service walks 500,000 objects for 65 to 130 ms, in which no one is answered, and
    finds nothing. After this it walks only what came later.
    """
    gc.collect()
    gc.freeze()


def return_freed_memory() -> None:
    """Give the system back what is free inside of the C library's heap; blocks for some milliseconds: in a thread.

    glibc keeps a freed block for as long as something younger lies above it. After a sync of 130,000 instruments that
    is 25 to 30 MB, a tenth of the process, for a day. Other C libraries have no such call, and nothing happens.
    https://man7.org/linux/man-pages/man3/malloc_trim.3.html
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
