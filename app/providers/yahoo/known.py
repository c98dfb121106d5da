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
            NYA="NYSE Composite",
            SOX="PHLX Semiconductor",
        ),
        **_indices("GBP", FTSE="FTSE 100", FTMC="FTSE 250"),
        **_indices(
            "EUR",
            GDAXI="DAX",
            FCHI="CAC 40",
            STOXX50E="EURO STOXX 50",
            IBEX="IBEX 35",
            AEX="AEX",
            BFX="BEL 20",
            ATX="Austrian Traded Index",
        ),
        **_indices("CHF", SSMI="Swiss Market Index"),
        **_indices("SEK", OMX="OMX Stockholm 30"),
        **_indices("JPY", N225="Nikkei 225"),
        **_indices("HKD", HSI="Hang Seng Index"),
        **_indices("SGD", STI="Straits Times Index"),
        **_indices("AUD", AXJO="S&P/ASX 200", AORD="All Ordinaries"),
        **_indices("NZD", NZ50="S&P/NZX 50"),
        **_indices("KRW", KS11="KOSPI"),
        **_indices("TWD", TWII="TAIEX"),
        **_indices("IDR", JKSE="IDX Composite"),
        **_indices("MYR", KLSE="FTSE Bursa Malaysia KLCI"),
        **_indices("CAD", GSPTSE="S&P/TSX Composite"),
        **_indices("BRL", BVSP="Ibovespa"),
        **_indices("MXN", MXX="S&P/BMV IPC"),
        **_indices("ARS", MERV="S&P Merval"),
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
        **dict.fromkeys(
            ("PA", "DE", "AS", "MI", "MC", "F", "BE", "DU", "HM", "MU", "SG", "BR", "LS", "HE", "VI", "IR", "AT"), "EUR"
        ),
        **dict.fromkeys(("TL", "RG", "VS"), "EUR"),
        **dict.fromkeys(("KS", "KQ"), "KRW"),
        **dict.fromkeys(("TO", "V", "NE", "CN"), "CAD"),
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
        "PS": "PHP",
        "VN": "VND",
        "SR": "SAR",
        "QA": "QAR",
        "IS": "TRY",
        "WA": "PLN",
        "PR": "CZK",
        "BD": "HUF",
        "IC": "ISK",
        "BA": "ARS",
        "SN": "CLP",
    }
)
"""What shares are usually quoted in, by the suffix of their exchange (Yahoo's help page SLN2310). Funds may trade in
another currency there: of these Yahoo's word holds."""

CURRENCIES_OF_COINS = frozenset(
    {"AUD", "BRL", "CAD", "CHF", "CNY", "EUR", "GBP", "HKD", "INR", "JPY", "KRW", "NZD", "RUB", "SGD", "TRY", "USD"}
)
"""What Yahoo quotes crypto currencies in: BTC-USD."""
