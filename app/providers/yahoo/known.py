"""Yahoo's symbols of indices, and what its well-known world symbols are. Tables only; read by `symbols`.

Yahoo publishes no list. These are as of AS_OF, from Yahoo's pages as they are commonly quoted.
"""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

from app.domain.instruments import InstrumentKind

AS_OF = date(2026, 11, 22)
"""When these tables were last looked at."""

INDICES: Mapping[str, str] = MappingProxyType(
    {
        "NSE:NIFTY 50": "^NSEI",
        "NSE:NIFTY BANK": "^NSEBANK",
        "NSE:INDIA VIX": "^INDIAVIX",
        "NSE:NIFTY FIN SERVICE": "NIFTY_FIN_SERVICE.NS",
        "NSE:NIFTY MID SELECT": "NIFTY_MID_SELECT.NS",
        "NSE:NIFTY NEXT 50": "^NSMIDCP",
        "NSE:NIFTY 100": "^CNX100",
        "NSE:NIFTY 200": "^CNX200",
        "NSE:NIFTY 500": "^CRSLDX",
        "NSE:NIFTY MIDCAP 50": "^NSEMDCP50",
        "NSE:NIFTY MIDCAP 100": "NIFTY_MIDCAP_100.NS",
        "NSE:NIFTY MIDCAP 150": "NIFTYMIDCAP150.NS",
        "NSE:NIFTY SMLCAP 100": "^CNXSC",
        "NSE:NIFTY SMLCAP 250": "NIFTYSMLCAP250.NS",
        "NSE:NIFTY AUTO": "^CNXAUTO",
        "NSE:NIFTY COMMODITIES": "^CNXCMDT",
        "NSE:NIFTY CONSUMPTION": "^CNXCONSUM",
        "NSE:NIFTY CPSE": "NIFTY_CPSE.NS",
        "NSE:NIFTY ENERGY": "^CNXENERGY",
        "NSE:NIFTY FMCG": "^CNXFMCG",
        "NSE:NIFTY HEALTHCARE": "NIFTY_HEALTHCARE.NS",
        "NSE:NIFTY INFRA": "^CNXINFRA",
        "NSE:NIFTY IT": "^CNXIT",
        "NSE:NIFTY MEDIA": "^CNXMEDIA",
        "NSE:NIFTY METAL": "^CNXMETAL",
        "NSE:NIFTY MNC": "^CNXMNC",
        "NSE:NIFTY OIL AND GAS": "NIFTY_OIL_AND_GAS.NS",
        "NSE:NIFTY PHARMA": "^CNXPHARMA",
        "NSE:NIFTY PSE": "^CNXPSE",
        "NSE:NIFTY PSU BANK": "^CNXPSUBANK",
        "NSE:NIFTY PVT BANK": "NIFTY_PVT_BANK.NS",
        "NSE:NIFTY REALTY": "^CNXREALTY",
        "NSE:NIFTY SERV SECTOR": "^CNXSERVICE",
        "BSE:SENSEX": "^BSESN",
        "BSE:BANKEX": "BSE-BANK.BO",
    }
)
"""Our id -> Yahoo's symbol. An index that is not here cannot be asked for."""


class KnownSymbol(NamedTuple):
    """One of Yahoo's own symbols."""

    name: str
    kind: InstrumentKind
    currency: str


def _indices(currency: str, **names: str) -> dict[str, KnownSymbol]:
    return {f"^{symbol}": KnownSymbol(name, InstrumentKind.INDEX, currency) for symbol, name in names.items()}


KNOWN: Mapping[str, KnownSymbol] = MappingProxyType(
    {
        **_indices(
            "USD",
            GSPC="S&P 500",
            DJI="Dow Jones Industrial Average",
            IXIC="NASDAQ Composite",
            NDX="NASDAQ 100",
            RUT="Russell 2000",
            VIX="CBOE Volatility Index",
            TNX="US Treasury yield, 10 years",
        ),
        **_indices("GBP", FTSE="FTSE 100"),
        **_indices("EUR", GDAXI="DAX", FCHI="CAC 40", STOXX50E="EURO STOXX 50"),
        **_indices("JPY", N225="Nikkei 225"),
        **_indices("HKD", HSI="Hang Seng Index"),
        **_indices("AUD", AXJO="S&P/ASX 200"),
        **_indices("KRW", KS11="KOSPI"),
        **_indices("TWD", TWII="TAIEX"),
        "000001.SS": KnownSymbol("SSE Composite", InstrumentKind.INDEX, "CNY"),
        "DX-Y.NYB": KnownSymbol("US Dollar Index", InstrumentKind.INDEX, "USD"),
        "INR=X": KnownSymbol("USD/INR", InstrumentKind.CURRENCY, "INR"),
        "EURINR=X": KnownSymbol("EUR/INR", InstrumentKind.CURRENCY, "INR"),
        "GBPINR=X": KnownSymbol("GBP/INR", InstrumentKind.CURRENCY, "INR"),
        "JPYINR=X": KnownSymbol("JPY/INR", InstrumentKind.CURRENCY, "INR"),
        "GC=F": KnownSymbol("Gold", InstrumentKind.COMMODITY, "USD"),
        "SI=F": KnownSymbol("Silver", InstrumentKind.COMMODITY, "USD"),
        "CL=F": KnownSymbol("Crude oil, WTI", InstrumentKind.COMMODITY, "USD"),
        "BZ=F": KnownSymbol("Crude oil, Brent", InstrumentKind.COMMODITY, "USD"),
        "NG=F": KnownSymbol("Natural gas", InstrumentKind.COMMODITY, "USD"),
        "HG=F": KnownSymbol("Copper", InstrumentKind.COMMODITY, "USD"),
    }
)
"""By Yahoo's symbol. Others are told by their form."""

CURRENCY_OF_SUFFIX: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("NS", "BO"), "INR"),
        **dict.fromkeys(("SS", "SZ"), "CNY"),
        **dict.fromkeys(("PA", "DE", "AS", "MI", "MC", "F", "BR", "LS", "HE", "VI", "IR"), "EUR"),
        **dict.fromkeys(("KS", "KQ"), "KRW"),
        **dict.fromkeys(("TO", "V"), "CAD"),
        **dict.fromkeys(("TW", "TWO"), "TWD"),
        "L": "GBP",
        "T": "JPY",
        "HK": "HKD",
        "AX": "AUD",
        "SI": "SGD",
        "SW": "CHF",
        "ST": "SEK",
        "OL": "NOK",
        "CO": "DKK",
        "SA": "BRL",
        "MX": "MXN",
        "JO": "ZAR",
        "TA": "ILS",
        "NZ": "NZD",
        "JK": "IDR",
        "KL": "MYR",
        "BK": "THB",
    }
)
"""What shares are quoted in, by the suffix of their exchange (Yahoo's help page SLN2310)."""
