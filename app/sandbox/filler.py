"""Rows that bring a master to the size of the real one, with the traps of the real one.

Same symbols on two exchanges; symbols with spaces, &, - and digits; series behind a dash (-BE -SM -SG -TB -N0,
even -RE-BE); names that are empty or have a comma; EQ for bonds and bills; ticks of 0.01. The companies do
not exist. Used by `app.sandbox.master`.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import chain, count, islice
from random import Random
from typing import NamedTuple

from app.sandbox.expiries import future_symbol, monthly_expiries, option_symbol, weekly_expiries


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TICKS = (0.01, 0.05, 0.1)
"""Of cash shares."""
FIRST_WORDS = _words("""
SHREE GANESH VARDHMAN RAJ KRISHNA SURYA OM LAKSHMI BHARAT HIND DECCAN KAVERI NARMADA GODAVARI HIMALAYA VINDHYA
SAHYADRI MALABAR KONKAN MARATHA GUJARAT PUNJAB BENGAL ORISSA ASSAM KERALA MYSORE MADRAS BOMBAY CALCUTTA
""")
SECOND_WORDS = _words("""
AGRO STEEL TEX CHEM PHARMA INFRA FIN POWER TECH FOODS AUTO CERAMICS PAPER SUGAR CEMENT PLAST POLY ELECTRO GOLD
SILK TEA COFFEE SPICES SHIPPING LOGISTICS REALTY HOTELS MEDIA SOFT LABS
""")
LAST_WORDS = ("INDUSTRIES", "ENTERPRISES", "(INDIA)", "& SONS", "INTL", "HOLDINGS", "CORP.", "VENTURES, LTD", "")
SERIES = ("",) * 60 + ("-BE",) * 4 + ("-SM",) * 10 + ("-ST",) * 5 + ("-BZ", "-RE-BE", "-RR", "-IV", "-E1", "-P1")
STATES = ("GJ", "MH", "TN", "KA", "UP", "WB", "RJ", "AP", "TS", "KL", "MP", "HR", "PB", "BR", "OR", "AS")
WORLD = ("DOW JONES", "S&P 500", "NASDAQ 100", "NIKKEI 225", "HANG SENG", "FTSE 100", "DAX", "CAC 40")
NAMELESS_SHARES, BSE_BONDS = 0.1, 0.3
"""Parts of the NSE's shares without a name, and of the BSE's rows that are bonds."""
SHARES_WITH_OPTIONS, BFO_SHARES_WITH_OPTIONS = 190, 40
EACH_SIDE = 25
"""Strikes on each side of the price in a chain of a share."""
CURRENCY_PAIRS = (("USDINR", 88.0), ("EURINR", 102.0), ("GBPINR", 117.0), ("JPYINR", 57.0))
METALS = (
    ("GOLD", 120_000.0, 100.0, 100),
    ("GOLDM", 120_000.0, 100.0, 10),
    ("SILVER", 150_000.0, 250.0, 30),
    ("SILVERM", 150_000.0, 250.0, 5),
    ("CRUDEOIL", 5_200.0, 50.0, 100),
    ("CRUDEOILM", 5_200.0, 50.0, 10),
    ("NATURALGAS", 400.0, 5.0, 1250),
    ("NATGASMINI", 400.0, 5.0, 250),
    ("COPPER", 1_000.0, 5.0, 2500),
    ("ZINC", 300.0, 2.5, 5000),
)
MCX_EACH_SIDE = 130
CASH_SHARES, BONDS, BSE_ONLY = 2_600, 5_500, 9_000
TUESDAY, THURSDAY, FRIDAY = 1, 3, 4


class Row(NamedTuple):
    """A row of a master without its tokens."""

    symbol: str
    name: str
    expiry: str
    strike: float
    tick: float
    lot: int
    type: str
    segment: str
    exchange: str


def filler_rows(seed: int, today: date, taken: set[str]) -> Iterator[Row]:
    """Rows without end; no id of `taken`, and none twice. `taken` grows."""
    random = Random(seed)
    shares = list(islice(_shares(random), CASH_SHARES))
    large = [share for share in shares if "-" not in share.symbol]
    kinds = chain(
        _world(),
        shares,
        (row._replace(segment="BSE", exchange="BSE", tick=0.05) for row in shares[: CASH_SHARES * 4 // 5]),
        islice(_debt(random, today), BONDS),
        islice(_scrips(random), BSE_ONLY),
        _share_options(large[:SHARES_WITH_OPTIONS], "NFO", TUESDAY, today),
        _share_options(large[:BFO_SHARES_WITH_OPTIONS], "BFO", THURSDAY, today),
        _commodities(today),
        _currencies(today),
        _shares(random),
    )
    for row in kinds:
        key = f"{row.exchange}:{row.symbol}"
        if key not in taken:
            taken.add(key)
            yield row


def _every_day(day: date) -> bool:
    del day
    return True


def _world() -> Iterator[Row]:
    for name in WORLD:
        yield Row(name, name, "", 0, 0, 0, "EQ", "INDICES", "GLOBAL")


def _shares(random: Random) -> Iterator[Row]:
    for number in count(1):
        first, second, last = random.choice(FIRST_WORDS), random.choice(SECOND_WORDS), random.choice(LAST_WORDS)
        short = random.choice((f"{first[:5]}{second[:4]}", f"{first[0]}&{second[:5]}", f"{second[:4]}-{first[:4]}"))
        series = random.choice(SERIES)
        lot = random.choice((600, 1000, 1200, 2000)) if series in {"-SM", "-ST"} else 1
        name = f"{first} {second} {last}".strip() if random.random() > NAMELESS_SHARES else ""
        yield Row(f"{short}{number}{series}", name, "", 0, random.choice(TICKS), lot, "EQ", "NSE", "NSE")


def _debt(random: Random, today: date) -> Iterator[Row]:
    for number in count():
        state, year, coupon = (
            random.choice(STATES),
            today.year % 100 + random.randrange(1, 25),
            random.randrange(600, 999),
        )
        until = today + timedelta(days=7 * random.randrange(1, 52))
        days = random.choice((91, 182, 364))
        symbol, name, lot = (
            (f"{coupon}{state}{year}-SG", f"SDL {state} {coupon / 100:.2f}% 20{year}", 100),
            (f"{coupon}{state}{year}A-SG", "", 100),
            (f"{coupon}GS20{year}-GS", f"GOI LOAN {coupon / 100:.2f}% 20{year}", 100),
            (f"{days}D{until:%d%m%y}-TB", f"GOI TBILL {days}D-{until:%d/%m/%y}", 100),
            (f"{coupon}IIFL{year}{random.choice('ABCD')}-N{number % 10}", "", 1),
            (f"SGB{until:%b%y}".upper() + "-GB", "2.50%GOLDBONDS", 1),
        )[random.choice((0, 0, 0, 1, 2, 3, 4, 4, 5))]
        yield Row(symbol, name, "", 0, 0.01, lot, "EQ", "NSE", "NSE")


def _scrips(random: Random) -> Iterator[Row]:
    for row in _shares(random):
        bond = random.random() < BSE_BONDS
        symbol = f"{random.randrange(700, 1300)}{row.symbol.split('-')[0]}" if bond else row.symbol.split("-RE")[0]
        yield row._replace(symbol=symbol, name="" if bond else row.name, tick=0.01, segment="BSE", exchange="BSE")


def _share_options(shares: list[Row], exchange: str, weekday: int, today: date) -> Iterator[Row]:
    expiries = monthly_expiries(today, weekday=weekday, count=3, trades=_every_day)
    for number, share in enumerate(shares):
        name = share.symbol
        step = (0.5, 2.5, 5.0, 10.0, 20.0, 50.0, 100.0)[number % 7]
        for expiry in expiries:
            yield _future(name, expiry, 0.05, 25 * (1 + number % 40), exchange)
            strikes = [step * index for index in range(20, 20 + 2 * EACH_SIDE)]
            yield from _options(name, expiry, strikes, (0.05, 25 * (1 + number % 40)), exchange, monthly=True)


def _commodities(today: date) -> Iterator[Row]:
    for exchange, metals in (("MCX", METALS), ("NCO", METALS[:2])):
        for name, price, step, lot in metals:
            for expiry in monthly_expiries(
                today, weekday=FRIDAY, count=6 if exchange == "MCX" else 2, trades=_every_day
            ):
                yield _future(name, expiry, 0.5, lot, exchange)
                centre = round(price / step)
                first = max(1, centre - MCX_EACH_SIDE)
                strikes = [step * index for index in range(first, centre + MCX_EACH_SIDE)]
                yield from _options(name, expiry, strikes, (0.5, lot), exchange, monthly=True)


def _currencies(today: date) -> Iterator[Row]:
    months = monthly_expiries(today, weekday=FRIDAY, count=12, trades=_every_day)
    weeks = weekly_expiries(today, weekday=FRIDAY, count=8, trades=_every_day)
    for exchange in ("CDS", "BCD"):
        for name, price in CURRENCY_PAIRS:
            strikes = [price + 0.25 * index for index in range(-25, 26)]
            for expiry in months:
                yield _future(name, expiry, 0.0025, 1, exchange)
            for expiry in sorted({*months[:4], *weeks}):
                yield from _options(name, expiry, strikes, (0.0025, 1), exchange, monthly=expiry in months)


def _future(name: str, expiry: date, tick: float, lot: int, exchange: str) -> Row:
    symbol = future_symbol(name, expiry)
    return Row(symbol, name, expiry.isoformat(), 0, tick, lot, "FUT", f"{exchange}-FUT", exchange)


def _options(
    name: str, expiry: date, strikes: list[float], contract: tuple[float, int], exchange: str, *, monthly: bool
) -> Iterator[Row]:
    tick, lot = contract
    for strike in strikes:
        for side in ("CE", "PE"):
            symbol = option_symbol(name, expiry, strike, side, monthly=monthly)
            yield Row(symbol, name, expiry.isoformat(), strike, tick, lot, side, f"{exchange}-OPT", exchange)
