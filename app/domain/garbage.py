"""Python's cyclic collector, held back while a great many long-lived objects are made. For whoever reads a master.

Making 130,000 instruments provokes full collections, each of which stops every thread for 50 ms and more and
finds nothing: instruments refer to no one that refers back.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collections_paused() -> Iterator[None]:
    """No collection starts inside, in the whole process; use it for seconds, around work that ends by itself.

    May be nested, also from several threads: collections are on again when all who found them on have left.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def settle_objects() -> None:
    """Exempt every present object from all later collections: they shall not be walked each time, they stay anyway.

    They are still freed when nobody refers to them. The young ones are collected first, in a few milliseconds.
    """
    gc.collect(1)
    gc.freeze()
