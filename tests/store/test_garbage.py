"""Holding the cyclic collector back while a master is built."""

import gc

import pytest

from app.domain.garbage import collections_paused


def test_collections_are_off_inside_and_on_again_after():
    """Also when nested, and when the work fails."""
    with collections_paused(), collections_paused():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), collections_paused():
        gc.collect(1 // 0)
    assert gc.isenabled()


def test_what_was_made_inside_is_exempt_and_still_freed():
    """A new list is not walked any more, and goes with its last reference."""
    before = gc.get_freeze_count()
    with collections_paused():
        made = [[number] for number in range(1_000)]
    during = gc.get_freeze_count()
    assert during >= before + 1_000
    made.clear()
    assert gc.get_freeze_count() <= during - 1_000
