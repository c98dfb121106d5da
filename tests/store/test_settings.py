"""Settings of the service, on both databases."""

import pytest

from app.store.engine import open_database
from app.store.settings import SqlSettingStore
from tests.support.clock import FixedClock


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, True, "é"]}, [], "", 0, False, 9_007_199_254_740_993])
async def test_a_json_value_comes_back_as_it_was(database_url: str, value: object):
    """Type and value, also of those that are falsy or longer than a double."""
    async with open_database(database_url) as database:
        await SqlSettingStore(database, FixedClock()).put("name", value)
        found = await SqlSettingStore(database, FixedClock()).get("name")
    assert (type(found), found) == (type(value), value)


async def test_the_last_value_holds(database_url: str):
    """Putting again replaces; other names are not touched."""
    async with open_database(database_url) as database:
        store = SqlSettingStore(database, FixedClock())
        await store.put("one", 1)
        await store.put("two", 2)
        await store.put("one", {"now": 3})
        assert [await store.get(name) for name in ("one", "two", "three")] == [{"now": 3}, 2, None]


async def test_what_is_no_json_is_refused(database_url: str):
    """An object of ours in a setting would be lost at the next start."""
    async with open_database(database_url) as database:
        store = SqlSettingStore(database, FixedClock())
        with pytest.raises(Exception, match="not JSON serializable"):
            await store.put("name", object())
        assert await store.get("name") is None
