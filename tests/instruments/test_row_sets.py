"""Sets of rows against Python's own sets."""

from hypothesis import given
from hypothesis import strategies as st

from app.services.instruments.row_sets import STEP, SortedRows, row_set, rows_of

SIZE = 3 * STEP


@given(st.sets(st.integers(0, SIZE - 1)), st.integers(0, 200), st.integers(0, 200))
def test_a_set_gives_its_rows_back_in_order(rows: set[int], start: int, count: int):
    """Any window of it, and its size."""
    found = row_set(rows, SIZE)
    assert found.bit_count() == len(rows)
    assert rows_of(found, start, count) == sorted(rows)[start : start + count]


def test_a_window_far_inside_a_full_set_is_found():
    """Whole blocks are skipped without looking at their rows."""
    everything = (1 << 50_000) - 1
    assert rows_of(everything, 40_000, 3) == [40_000, 40_001, 40_002]
    assert rows_of(everything, 49_999, 3) == [49_999]
    assert rows_of(everything, 50_000, 3) == []


@given(st.lists(st.integers(0, 40), max_size=300), st.integers(0, 45), st.integers(0, 45))
def test_a_range_of_keys_has_the_rows_of_each(keys: list[int], low: int, high: int):
    """Whatever the range, also an empty or reversed one."""
    rows_by_key: dict[float, list[int]] = {}
    for row, key in enumerate(keys):
        rows_by_key.setdefault(float(key), []).append(row)
    ordered = SortedRows(rows_by_key, len(keys))
    low, high = min(low, len(rows_by_key)), min(high, len(rows_by_key))
    expected = {row for key in sorted(rows_by_key)[low:high] for row in rows_by_key[key]}
    assert ordered.between(low, high) == row_set(expected, len(keys))


def test_a_range_beyond_the_prepared_sets_is_right():
    """Thousands of rows: prepared sets in the middle, loops at both ends."""
    rows_by_key = {float(key): range(key * 10, key * 10 + 10) for key in range(1000)}
    ordered = SortedRows(rows_by_key, 10_000)
    for low, high in ((0, 1000), (1, 999), (204, 205), (100, 700), (205, 410)):
        assert ordered.between(low, high) == row_set(range(low * 10, high * 10), 10_000)
    assert list(ordered.rows(3)) == list(range(30, 40))
