"""The history endpoint, through the vendor's client."""

from datetime import datetime, timedelta

import pytest
from kiteconnect.exceptions import InputException

from app.domain.time import IST
from tests.sandbox_server.tiny_market import CRUDE, FUTURE, INFY, TinyMarket
from tests.sandbox_server.vendor import VendorClient, vendor_client
from tests.support.sandbox import RunningSandbox

NINE_FIFTEEN = datetime(2026, 11, 20, 9, 15)  # noqa: DTZ001  Kite's times are naive, in India
CAPS = {"minute": 60, "3minute": 100, "5minute": 100, "10minute": 100} | {
    "15minute": 200, "30minute": 200, "60minute": 400, "day": 2_000,
}  # fmt: skip


@pytest.fixture
async def client(sandbox: RunningSandbox) -> VendorClient:
    """A logged in vendor's client."""
    return await vendor_client(sandbox)


async def test_candles_arrive_with_their_zone(client: VendorClient) -> None:
    """Both ends are inclusive; each candle carries +05:30 and six columns."""
    candles = await client.call("historical_data", INFY, NINE_FIFTEEN, NINE_FIFTEEN + timedelta(minutes=2), "minute")

    assert [candle["date"].isoformat() for candle in candles] == [
        "2026-11-20T09:15:00+05:30",
        "2026-11-20T09:16:00+05:30",
        "2026-11-20T09:17:00+05:30",
    ]
    assert candles[0] | {"date": None} == {
        "date": None, "open": 10.0, "high": 12.5, "low": 9.5, "close": 11.0, "volume": 100,
    }  # fmt: skip


async def test_the_raw_candle_is_kites_array(client: VendorClient) -> None:
    """`2026-11-20T09:15:00+0530`, without a colon in the zone; oi is a seventh column on request."""
    params = {"from": "2026-11-20 09:15:00", "to": "2026-11-20 09:15:00", "oi": 1}
    route = {"instrument_token": FUTURE, "interval": "minute"}

    data = await client.call("_get", "market.historical", url_args=route, params=params)

    assert data == {"candles": [["2026-11-20T09:15:00+0530", 10.0, 12.5, 9.5, 11.0, 100, 4_500]]}


async def test_oi_of_what_has_none_is_zero(client: VendorClient) -> None:
    """A share asked for with oi has a seventh column of 0."""
    candles = await client.call("historical_data", INFY, NINE_FIFTEEN, NINE_FIFTEEN, "minute", oi=True)

    assert candles[0]["oi"] == 0


async def test_days_without_a_time_are_midnights(client: VendorClient, market: TinyMarket) -> None:
    """A date means 00:00 in India, so the same day twice is one day bar."""
    day = NINE_FIFTEEN.date()

    assert len(await client.call("historical_data", INFY, day, day, "day")) == 1
    midnight = datetime(2026, 11, 20, tzinfo=IST)
    assert market.asked == [("day", midnight, midnight + timedelta(minutes=1))]


async def test_each_interval_has_its_longest_range(client: VendorClient) -> None:
    """The cap itself passes, a second more is refused and the message names the cap."""
    start = datetime(2080, 1, 1)  # noqa: DTZ001  Kite's times are naive, in India
    for interval, days in CAPS.items():
        end = start + timedelta(days=days)
        assert await client.call("historical_data", INFY, start, end, interval) == []
        with pytest.raises(InputException, match=f"{days} days") as caught:
            await client.call("historical_data", INFY, start, end + timedelta(seconds=1), interval)
        assert caught.value.code == 400


async def test_bad_ranges_are_the_callers_error(client: VendorClient) -> None:
    """Each is an InputException that names what is wrong."""
    for args, complaint in (
        ((INFY, NINE_FIFTEEN, NINE_FIFTEEN, "2minute"), "invalid interval"),
        ((INFY, NINE_FIFTEEN, NINE_FIFTEEN, "week"), "invalid interval"),
        ((INFY, NINE_FIFTEEN, NINE_FIFTEEN - timedelta(minutes=1), "minute"), "cannot be after"),
        ((1, NINE_FIFTEEN, NINE_FIFTEEN, "minute"), "invalid token"),
        (("INFY", NINE_FIFTEEN, NINE_FIFTEEN, "minute"), "invalid token"),
        ((INFY, "yesterday", NINE_FIFTEEN, "minute"), "invalid from date"),
        ((INFY, NINE_FIFTEEN, "2026-02-30", "minute"), "invalid to date"),
    ):
        with pytest.raises(InputException, match=complaint):
            await client.call("historical_data", *args)


async def test_continuous_data_is_for_daily_futures_alone(client: VendorClient) -> None:
    """NFO and MCX futures by the day pass, everything else is refused."""
    day = NINE_FIFTEEN.date()
    for token in (FUTURE, CRUDE):
        assert await client.call("historical_data", token, day, day, "day", continuous=True)
    for token, interval in ((INFY, "day"), (FUTURE, "minute")):
        with pytest.raises(InputException, match="continuous"):
            await client.call("historical_data", token, day, day, interval, continuous=True)
