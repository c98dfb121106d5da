"""What a row of Kite's master is, and what a derivative is written on. Pure; called by `instruments_csv`.

Kite calls nearly everything EQ, indices and treasury bills too, so segment and symbol decide. What is not
certain is OTHER, and an underlying that is not certain is None.
"""

import re

from app.domain.instruments import Exchange, InstrumentKind

TYPES = {"FUT": InstrumentKind.FUTURE, "CE": InstrumentKind.CALL, "PE": InstrumentKind.PUT}

EQUITY_SERIES = frozenset({"EQ", "BE", "BZ", "BL", "SM", "ST", "SZ"})
"""NSE's series of shares, which Kite writes behind a dash; every other series is debt, a right or a unit."""
SERIES = re.compile(r"-([A-Z][A-Z0-9])$")
"""BAJAJ-AUTO and MCDOWELL-N have a dash and no series: a series has two characters."""
DEBT_SYMBOL = re.compile(r"\d{2,5}[A-Z]+\d{2}[A-Z]*")
"""925IIFL32A: coupon, issuer, year. Only where the master gives no name: 20MICRONS is a company."""
FUND = re.compile(r"\bETF\b")
FUND_SYMBOL = re.compile(r"(BEES|ETF)$")

SPOT_KINDS = {
    Exchange.CDS: InstrumentKind.CURRENCY,
    Exchange.BCD: InstrumentKind.CURRENCY,
    Exchange.MCX: InstrumentKind.COMMODITY,
    Exchange.NCO: InstrumentKind.COMMODITY,
}
"""What is traded on these and is no contract."""

INDEX_UNDERLYINGS = {
    (Exchange.NFO, "NIFTY"): "NSE:NIFTY 50",
    (Exchange.NFO, "BANKNIFTY"): "NSE:NIFTY BANK",
    (Exchange.NFO, "FINNIFTY"): "NSE:NIFTY FIN SERVICE",
    (Exchange.NFO, "MIDCPNIFTY"): "NSE:NIFTY MID SELECT",
    (Exchange.NFO, "NIFTYNXT50"): "NSE:NIFTY NEXT 50",
    (Exchange.BFO, "SENSEX"): "BSE:SENSEX",
    (Exchange.BFO, "BANKEX"): "BSE:BANKEX",
    (Exchange.BFO, "SENSEX50"): "BSE:SNSX50",
}
"""Contracts on an index carry a name of their own."""

DOLLAR_EXCHANGES = frozenset({Exchange.GLOBAL, Exchange.NSEIX})


def kind_of(exchange: Exchange, *, segment: str, type_word: str, symbol: str, name: str) -> InstrumentKind:
    """The kind of one row."""
    if segment.endswith("INDICES") or exchange is Exchange.GLOBAL:
        return InstrumentKind.INDEX
    if type_word != "EQ":
        return TYPES.get(type_word, InstrumentKind.OTHER)
    if exchange in {Exchange.NSE, Exchange.BSE}:
        return _cash_kind(symbol, name)
    return SPOT_KINDS.get(exchange, InstrumentKind.OTHER)


def _cash_kind(symbol: str, name: str) -> InstrumentKind:
    series = SERIES.search(symbol)
    if series is not None and series[1] not in EQUITY_SERIES:
        return InstrumentKind.OTHER
    bare = symbol[: series.start()] if series is not None else symbol
    if bare.endswith("-RE"):  # VINEET-RE-BE: a right to shares, in the series of shares
        return InstrumentKind.OTHER
    if not name and DEBT_SYMBOL.fullmatch(bare):
        return InstrumentKind.OTHER
    if FUND_SYMBOL.search(bare) or FUND.search(name):
        return InstrumentKind.ETF
    return InstrumentKind.EQUITY


def underlying_of(exchange: Exchange, name: str) -> str | None:
    """The id that a contract of this name would be written on, whether or not the master has it."""
    if not name:
        return None
    if exchange is Exchange.NFO:
        return INDEX_UNDERLYINGS.get((exchange, name), f"NSE:{name}")
    if exchange is Exchange.BFO:
        return INDEX_UNDERLYINGS.get((exchange, name), f"BSE:{name}")
    return None


def currency_of(exchange: Exchange) -> str:
    """ISO 4217: what Kite's own exchanges quote in, and the dollar of the international ones."""
    return "USD" if exchange in DOLLAR_EXCHANGES else "INR"
