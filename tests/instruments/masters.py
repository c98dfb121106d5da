"""Instrument masters for tests: a small one made by hand, and one of the size and shape of the real one."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count, islice, product

from app.domain.instruments import Exchange, Instrument, InstrumentKind

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
NOVEMBER = date(2026, 11, 24)
WEEKLY = date(2026, 12, 1)
DECEMBER = date(2026, 12, 29)


def listed(
    symbol: str,
    name: str | None = None,
    exchange: Exchange = Exchange.NSE,
    kind: InstrumentKind = InstrumentKind.EQUITY,
    token: int | None = None,
) -> Instrument:
    """An instrument of the cash market."""
    is_index = kind is InstrumentKind.INDEX
    return Instrument(
        id=f"{exchange}:{symbol}",
        exchange=exchange,
        symbol=symbol,
        name=name,
        kind=kind,
        segment="INDICES" if is_index else exchange.value,
        instrument_token=token,
        exchange_token=None if token is None else token >> 8,
        tick_size=None if is_index else 0.05,
        lot_size=None if is_index else 1,
        expiry=None,
        strike=None,
        underlying_id=None,
        currency="INR",
    )


def contract(  # noqa: PLR0913 -- a row has these columns
    root: str,
    expiry: date,
    kind: InstrumentKind = InstrumentKind.FUTURE,
    strike: float | None = None,
    *,
    underlying: str | None = None,
    exchange: Exchange = Exchange.NFO,
    weekly: bool = False,
    token: int | None = None,
) -> Instrument:
    """A derivative, named as the exchange does: NIFTY26NOVFUT, NIFTY26NOV24500CE, weekly NIFTY26D0124500CE."""
    month = "123456789OND"[expiry.month - 1] + f"{expiry.day:02}" if weekly else MONTHS[expiry.month - 1]
    tail = {InstrumentKind.CALL: f"{strike:g}CE", InstrumentKind.PUT: f"{strike:g}PE"} if strike is not None else {}
    symbol = f"{root}{expiry.year % 100}{month}{tail.get(kind, 'FUT')}"
    return Instrument(
        id=f"{exchange}:{symbol}",
        exchange=exchange,
        symbol=symbol,
        name=root,
        kind=kind,
        segment=f"{exchange}-{'OPT' if tail else 'FUT'}",
        instrument_token=token,
        exchange_token=None if token is None else token >> 8,
        tick_size=0.05,
        lot_size=75,
        expiry=expiry,
        strike=strike,
        underlying_id=underlying,
        currency="INR",
    )


def options(
    root: str, expiry: date, strikes: range, underlying: str | None, *, weekly: bool = False
) -> list[Instrument]:
    """A chain: a call and a put at each strike."""
    kinds = (InstrumentKind.CALL, InstrumentKind.PUT)
    return [
        contract(root, expiry, kind, float(strike), underlying=underlying, weekly=weekly)
        for strike, kind in product(strikes, kinds)
    ]


def small_master() -> list[Instrument]:
    """What a trader's favourite searches need, in no particular order."""
    index = InstrumentKind.INDEX
    return [
        *options("BANKNIFTY", NOVEMBER, range(51_000, 53_001, 100), "NSE:NIFTY BANK"),
        *options("NIFTY", NOVEMBER, range(24_000, 25_001, 50), "NSE:NIFTY 50"),
        *options("NIFTY", WEEKLY, range(24_000, 25_001, 50), "NSE:NIFTY 50", weekly=True),
        *options("NIFTYNXT50", NOVEMBER, range(24_000, 25_001, 500), "NSE:NIFTY NEXT 50"),
        *options("RELIANCE", NOVEMBER, range(1_200, 1_601, 20), "NSE:RELIANCE"),
        contract("NIFTY", DECEMBER, underlying="NSE:NIFTY 50"),
        contract("NIFTY", NOVEMBER, underlying="NSE:NIFTY 50", token=7001),
        contract("BANKNIFTY", NOVEMBER, underlying="NSE:NIFTY BANK"),
        contract("RELIANCE", NOVEMBER, underlying="NSE:RELIANCE"),
        contract("RELIANCE", DECEMBER, underlying="NSE:RELIANCE"),
        contract("INFY", NOVEMBER, underlying="NSE:INFY"),
        contract("SENSEX", NOVEMBER, underlying="BSE:SENSEX", exchange=Exchange.BFO),
        contract("GOLD", DECEMBER, exchange=Exchange.MCX),
        listed("INFY", "INFOSYS", Exchange.BSE, token=128053508),
        listed("INFY", "INFOSYS", token=408065),
        listed("INFIBEAM", "INFIBEAM AVENUES", token=4159745),
        listed("RELIANCE", "RELIANCE INDUSTRIES", Exchange.BSE),
        listed("RELIANCE", "RELIANCE INDUSTRIES", token=738561),
        listed("RELINFRA", "RELIANCE INFRASTRUCTURE"),
        listed("RPOWER", "RELIANCE POWER"),
        listed("HDFCBANK", "HDFC BANK"),
        listed("HDFCAMC", "HDFC AMC"),
        listed("ICICIBANK", "ICICI BANK"),
        listed("SBIN", "STATE BANK OF INDIA"),
        listed("TCS", "TATA CONSULTANCY SERV LT"),
        listed("TATASTEEL", "TATA STEEL"),
        listed("M&M", "MAHINDRA & MAHINDRA"),
        listed("BAJAJ-AUTO", "BAJAJ AUTO"),
        listed("BSE", "BSE"),
        listed("GOLDBEES", "NIPPON INDIA ETF GOLD BEES", kind=InstrumentKind.ETF),
        listed("NIFTYBEES", "NIPPON INDIA ETF NIFTY BEES", kind=InstrumentKind.ETF),
        listed("707GJ30-SG", "SDL GJ 7.07% 2030", kind=InstrumentKind.OTHER),
        listed("NIFTY 100", "NIFTY 100", kind=index),
        listed("NIFTY 50", "NIFTY 50", kind=index, token=256265),
        listed("NIFTY BANK", "NIFTY BANK", kind=index, token=260105),
        listed("NIFTY NEXT 50", "NIFTY NEXT 50", kind=index),
        listed("INDIA VIX", "INDIA VIX", kind=index),
        listed("SENSEX", "SENSEX", Exchange.BSE, kind=index),
    ]


SYLLABLES = (
    "BA",
    "CO",
    "DAL",
    "FIN",
    "GEN",
    "HIN",
    "IND",
    "JAY",
    "KAR",
    "LAX",
    "MAN",
    "NAV",
    "OM",
    "PRA",
    "RAJ",
    "SUN",
)
WORDS = ("INDUSTRIES", "FINANCE", "BANK", "STEEL", "PHARMA", "INDIA", "CHEMICALS", "POWER", "MOTORS", "HOLDINGS")


def large_master(size: int = 130_000) -> list[Instrument]:
    """As many instruments as asked for, a tenth of them cash, shaped as the real master is."""
    names = [("".join(parts), f"{parts[0]}{parts[1]} {parts[2]} {word} LIMITED") for parts, word in _names()]
    cash = list(islice(_cash(names), size // 10))
    roots = [name for name, _ in names[:220]]
    rest = islice(_contracts(roots), size - len(cash))
    return [*cash, *rest]


def _names() -> Iterator[tuple[tuple[str, ...], str]]:
    return ((parts, WORDS[number % len(WORDS)]) for number, parts in enumerate(product(SYLLABLES, repeat=4)))


def _cash(names: list[tuple[str, str]]) -> Iterator[Instrument]:
    yield listed("NIFTY 50", "NIFTY 50", kind=InstrumentKind.INDEX, token=256265)
    yield listed("NIFTY BANK", "NIFTY BANK", kind=InstrumentKind.INDEX, token=260105)
    tokens = count(1 << 20, 256)
    for symbol, name in names:
        yield listed(symbol, name, token=next(tokens))
        yield listed(symbol, name, Exchange.BSE, token=next(tokens))


def _contracts(roots: list[str]) -> Iterator[Instrument]:
    tokens = count(1 << 24, 256)
    months = [NOVEMBER, DECEMBER, date(2027, 1, 26)]
    for root, below in (("NIFTY", "NSE:NIFTY 50"), ("BANKNIFTY", "NSE:NIFTY BANK")):
        for week in range(12):
            day = WEEKLY + timedelta(days=7 * week)
            yield from options(root, day, range(20_000, 30_000, 50), below, weekly=True)
    for number in count():
        root = roots[number % len(roots)] + ("" if number < len(roots) else str(number // len(roots)))
        listed_as = f"NSE:{root}" if number < len(roots) else None
        for month in months:
            yield contract(root, month, underlying=listed_as, token=next(tokens))
            for strike in range(100 + 7 * (number % 300), 2_000, 20):
                yield contract(
                    root, month, InstrumentKind.CALL, float(strike), underlying=listed_as, token=next(tokens)
                )
                yield contract(root, month, InstrumentKind.PUT, float(strike), underlying=listed_as, token=next(tokens))
