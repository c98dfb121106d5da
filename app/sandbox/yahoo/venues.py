"""Where Yahoo says that something trades: its code, name, clock, hours and delay.

A table, read by `directory` and `world`. Hours are those of ordinary days; India's follow the sandbox's calendar.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from zoneinfo import ZoneInfo

DAY_MINUTES = 24 * 60
WEEKDAYS = range(5)
EVERY_DAY = range(7)
_INDIA, _NEW_YORK, _LONDON = ZoneInfo("Asia/Kolkata"), ZoneInfo("America/New_York"), ZoneInfo("Europe/London")
_NSE_HOURS, _US_HOURS = (9 * 60 + 15, 15 * 60 + 30), (9 * 60 + 30, 16 * 60)
AROUND_THE_CLOCK = (0, DAY_MINUTES)


@dataclass(frozen=True, slots=True)
class Venue:
    """An exchange in Yahoo's words."""

    code: str
    name: str
    """Yahoo's fullExchangeName."""
    market: str
    """Yahoo's word for the region: in_market, us_market ..."""
    zone: ZoneInfo
    hours: tuple[int, int] = AROUND_THE_CLOCK
    """Minutes of the local day, half open."""
    delay_minutes: int = 0
    """Yahoo's exchangeDataDelayedBy."""
    weekdays: range = WEEKDAYS
    """Days on which it trades; Monday is 0."""
    extended: bool = False
    """Whether there is trading before and after hours."""


VENUES: Mapping[str, Venue] = MappingProxyType(
    {
        venue.code: venue
        for venue in (
            Venue("NSI", "NSE", "in_market", _INDIA, _NSE_HOURS, 15),
            Venue("BSE", "BSE", "in_market", _INDIA, _NSE_HOURS, 15),
            Venue("SNP", "SNP", "us_market", _NEW_YORK, _US_HOURS),
            Venue("DJI", "DJI", "us_market", _NEW_YORK, _US_HOURS),
            Venue("NIM", "Nasdaq GIDS", "us_market", _NEW_YORK, _US_HOURS),
            Venue("WCB", "Chicago Options", "us_market", _NEW_YORK, _US_HOURS, 15),
            Venue("CXI", "Cboe Indices", "us_market", ZoneInfo("America/Chicago"), (2 * 60 + 15, 15 * 60 + 15), 15),
            Venue("NMS", "NasdaqGS", "us_market", _NEW_YORK, _US_HOURS, extended=True),
            Venue("FGI", "FTSE Index", "gb_market", _LONDON, (8 * 60, 16 * 60 + 30), 15),
            Venue("GER", "XETRA", "de_market", ZoneInfo("Europe/Berlin"), (9 * 60, 17 * 60 + 30), 15),
            Venue("PAR", "Paris", "fr_market", ZoneInfo("Europe/Paris"), (9 * 60, 17 * 60 + 30), 15),
            Venue("OSA", "Osaka", "jp_market", ZoneInfo("Asia/Tokyo"), (9 * 60, 15 * 60 + 30), 20),
            Venue("HKG", "HKSE", "hk_market", ZoneInfo("Asia/Hong_Kong"), (9 * 60 + 30, 16 * 60), 15),
            Venue("SHH", "Shanghai", "cn_market", ZoneInfo("Asia/Shanghai"), (9 * 60 + 30, 15 * 60), 30),
            Venue("CCY", "CCY", "ccy_market", _LONDON),
            Venue("CCC", "CCC", "ccc_market", ZoneInfo("UTC"), weekdays=EVERY_DAY),
            Venue("NYB", "ICE Futures", "us24_market", _NEW_YORK, delay_minutes=30),
            Venue("NYM", "NY Mercantile", "us24_market", _NEW_YORK, delay_minutes=10),
            Venue("CMX", "COMEX", "us24_market", _NEW_YORK, delay_minutes=10),
        )
    }
)
"""By code."""
