"""What traders write and exchanges name: words of a search, parts of a derivative's symbol. Pure; for the index."""

import re
from collections.abc import Iterator
from datetime import date

from app.domain.instruments import Instrument, InstrumentKind

DERIVATIVES = frozenset({InstrumentKind.FUTURE, InstrumentKind.CALL, InstrumentKind.PUT})
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
LONG_MONTHS = (
    "JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE",
    "JULY", "AUGUST", "SEPTEMBER", "OCTOBER", "NOVEMBER", "DECEMBER",
)  # fmt: skip
KIND_WORDS = {
    InstrumentKind.EQUITY: ("EQ", "EQUITY", "STOCK"),
    InstrumentKind.INDEX: ("INDEX",),
    InstrumentKind.ETF: ("ETF",),
    InstrumentKind.FUTURE: ("FUT", "FUTURE", "FUTURES"),
    InstrumentKind.CALL: ("CE", "CALL", "CALLS", "OPT", "OPTION", "OPTIONS"),
    InstrumentKind.PUT: ("PE", "PUT", "PUTS", "OPT", "OPTION", "OPTIONS"),
}
"""Words that mean a kind."""

DATED = re.compile(
    r"(?P<root>.+?)(?P<day>\d\d(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|[1-9OND]\d\d))(?P<tail>.*)"
)
"""ROOT, then 26NOV of a monthly contract or 26N24 of a weekly one, then FUT or strike and CE or PE."""
RUNS = re.compile(rf"\d+(?:\.\d+)?|{'|'.join(MONTHS)}|FUT|[CP]E(?![A-Z])|[^\d]+?(?=\d|{'|'.join(MONTHS)}|FUT|$)")
"""The parts of a word that was written without spaces, as in NIFTY24500CE or 24NOV."""
SEPARATORS = re.compile(r"[^0-9A-Z&.%]+")
"""What stands between the words of a name or a symbol."""
THOUSANDS = re.compile(r"(?<=\d),(?=\d{2,3}\b)")
"""The commas of 24,500 and 1,00,000."""


def normalised(text: str) -> str:
    """Upper case, single spaces, no thousands separators."""
    return THOUSANDS.sub("", " ".join(text.upper().split()))


def name_words(text: str | None) -> list[str]:
    """The words of a name or symbol, upper case."""
    return [word for word in SEPARATORS.split(text.upper()) if word] if text else []


def runs(word: str) -> list[str]:
    """The word's parts as a trader reads them: NIFTY24500CE is NIFTY, 24500, CE."""
    return RUNS.findall(word)


def split_symbol(instrument: Instrument) -> tuple[str, str]:
    """A derivative's symbol as root and the rest: NIFTY26NOV24500CE is NIFTY and 26NOV24500CE."""
    symbol = instrument.symbol.upper()
    name = instrument.name
    if name and symbol.startswith(name) and symbol[len(name) : len(name) + 1].isdigit():
        return name, symbol[len(name) :]
    found = DATED.fullmatch(symbol)
    return (found["root"], found["day"] + found["tail"]) if found else (symbol, "")


def split_rest(rest: str) -> tuple[str, str]:
    """The rest of a derivative's symbol as date code and tail: 26NOV and 24500CE."""
    found = DATED.fullmatch(f"-{rest}")
    return (found["day"], found["tail"]) if found else ("", rest)


def expiry_words(expiry: date) -> Iterator[str]:
    """How a trader writes an expiry, in parts: 24, NOV, NOVEMBER, 26, 2026, 26NOV, NOV26."""
    month, year = MONTHS[expiry.month - 1], f"{expiry.year % 100:02}"
    yield from {f"{expiry.day}", f"{expiry.day:02}", month, LONG_MONTHS[expiry.month - 1]}
    yield from (year, f"{expiry.year}", f"{year}{month}", f"{month}{year}")


def strike_word(strike: float) -> str:
    """24500, 8.5, 82.25: the strike as a trader writes it."""
    return f"{strike:.10g}"
