"""Python's cyclic collector, held back while a great many long-lived objects are made. For whoever reads a master.

Making 130,000 instruments provokes full collections, each of which stops every thread for 50 ms and more and
finds nothing: instruments refer to no one that refers back.
"""

import gc
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
