"""Names of Yahoo's side: its symbols of Indian indices, and the world's indices, currencies, futures and shares.

Tables only, read by `venues` and `directory`. Prices are the levels around which the simulation moves.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class WorldName(NamedTuple):
    """A symbol that no Indian exchange lists."""

    symbol: str
    name: str
    price: float
    tick: float
    volatility: float
    """Standard deviation of a session's return."""
    currency: str
    venue: str
    """Yahoo's code of the exchange."""
    quote_type: str
    """EQUITY, INDEX, CURRENCY, FUTURE or CRYPTOCURRENCY."""


INDEX_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "^NSEI": "NSE:NIFTY 50",
        "^NSEBANK": "NSE:NIFTY BANK",
        "^INDIAVIX": "NSE:INDIA VIX",
        "NIFTY_FIN_SERVICE.NS": "NSE:NIFTY FIN SERVICE",
        "NIFTY_MID_SELECT.NS": "NSE:NIFTY MID SELECT",
        "^NSMIDCP": "NSE:NIFTY NEXT 50",
        "^CNX100": "NSE:NIFTY 100",
        "^CNX200": "NSE:NIFTY 200",
        "^CRSLDX": "NSE:NIFTY 500",
        "^NSEMDCP50": "NSE:NIFTY MIDCAP 50",
        "NIFTY_MIDCAP_100.NS": "NSE:NIFTY MIDCAP 100",
        "NIFTYMIDCAP150.NS": "NSE:NIFTY MIDCAP 150",
        "^CNXSC": "NSE:NIFTY SMLCAP 100",
        "NIFTYSMLCAP250.NS": "NSE:NIFTY SMLCAP 250",
        "^CNXAUTO": "NSE:NIFTY AUTO",
        "^CNXCMDT": "NSE:NIFTY COMMODITIES",
        "^CNXCONSUM": "NSE:NIFTY CONSUMPTION",
        "NIFTY_CPSE.NS": "NSE:NIFTY CPSE",
        "^CNXENERGY": "NSE:NIFTY ENERGY",
        "^CNXFMCG": "NSE:NIFTY FMCG",
        "NIFTY_HEALTHCARE.NS": "NSE:NIFTY HEALTHCARE",
        "^CNXINFRA": "NSE:NIFTY INFRA",
        "^CNXIT": "NSE:NIFTY IT",
        "^CNXMEDIA": "NSE:NIFTY MEDIA",
        "^CNXMETAL": "NSE:NIFTY METAL",
        "^CNXMNC": "NSE:NIFTY MNC",
        "NIFTY_OIL_AND_GAS.NS": "NSE:NIFTY OIL AND GAS",
        "^CNXPHARMA": "NSE:NIFTY PHARMA",
        "^CNXPSE": "NSE:NIFTY PSE",
        "^CNXPSUBANK": "NSE:NIFTY PSU BANK",
        "NIFTY_PVT_BANK.NS": "NSE:NIFTY PVT BANK",
        "^CNXREALTY": "NSE:NIFTY REALTY",
        "^CNXSERVICE": "NSE:NIFTY SERV SECTOR",
        "^BSESN": "BSE:SENSEX",
        "BSE-BANK.BO": "BSE:BANKEX",
    }
)
"""Yahoo's symbols of Indian indices, and the keys of the same on Kite's side; from general knowledge, 2026-11."""


def _world(table: str) -> tuple[WorldName, ...]:
    rows = (line.split("|") for line in table.split("\n") if line)
    return tuple(
        WorldName(row[0], row[1], float(row[2]), float(row[3]), float(row[4]), row[5], row[6], row[7]) for row in rows
    )


WORLD = _world("""
^GSPC|S&P 500|6720|0.01|0.008|USD|SNP|INDEX
^DJI|Dow Jones Industrial Average|46900|0.01|0.008|USD|DJI|INDEX
^IXIC|NASDAQ Composite|22900|0.01|0.011|USD|NIM|INDEX
^RUT|Russell 2000 Index|2430|0.01|0.011|USD|WCB|INDEX
^VIX|CBOE Volatility Index|17.5|0.01|0.04|USD|CXI|INDEX
^FTSE|FTSE 100|9650|0.01|0.006|GBP|FGI|INDEX
^GDAXI|DAX P|23900|0.01|0.008|EUR|GER|INDEX
^FCHI|CAC 40|8050|0.01|0.008|EUR|PAR|INDEX
^N225|Nikkei 225|50200|0.01|0.011|JPY|OSA|INDEX
^HSI|HANG SENG INDEX|26200|0.01|0.012|HKD|HKG|INDEX
000001.SS|SSE Composite Index|3970|0.01|0.008|CNY|SHH|INDEX
INR=X|USD/INR|88.75|0.0001|0.0012|INR|CCY|CURRENCY
EURINR=X|EUR/INR|102.9|0.0001|0.002|INR|CCY|CURRENCY
GBPINR=X|GBP/INR|117.1|0.0001|0.002|INR|CCY|CURRENCY
JPYINR=X|JPY/INR|0.576|0.0001|0.002|INR|CCY|CURRENCY
DX-Y.NYB|US Dollar Index|99.6|0.001|0.003|USD|NYB|INDEX
BZ=F|Brent Crude Oil Last Day Financ|64.2|0.01|0.014|USD|NYM|FUTURE
CL=F|Crude Oil|60.1|0.01|0.015|USD|NYM|FUTURE
NG=F|Natural Gas|4.35|0.001|0.025|USD|NYM|FUTURE
GC=F|Gold|4060|0.1|0.008|USD|CMX|FUTURE
SI=F|Silver|48.9|0.005|0.013|USD|CMX|FUTURE
HG=F|Copper|4.98|0.0005|0.01|USD|CMX|FUTURE
AAPL|Apple Inc.|272|0.01|0.012|USD|NMS|EQUITY
MSFT|Microsoft Corporation|505|0.01|0.011|USD|NMS|EQUITY
BTC-USD|Bitcoin USD|98500|0.01|0.018|USD|CCC|CRYPTOCURRENCY
""")
