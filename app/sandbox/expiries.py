"""When derivatives end, and how their symbols are written.

NSE: weekly on Tuesday, monthly on the month's last Tuesday; a day without trading moves to the one before it.
Used by `app.sandbox.universe`.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta

Trades = Callable[[date], bool]

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKLY_MONTHS = "123456789OND"
"""Kite's one character for the month in the symbols of weekly options."""
LONGEST_SHIFT = 5
"""Days that an expiry may move; a calendar that knows no trading for longer does not know the dates at all."""
FIRST_WEEKEND_DAY = 5
ONE_DAY = timedelta(days=1)


def months_from(day: date) -> Iterator[date]:
    """The first days of this month and all later ones."""
    year, month = day.year, day.month
    while True:
        yield date(year, month, 1)
        year, month = (year, month + 1) if month < len(MONTHS) else (year + 1, 1)


def settle(nominal: date, trades: Trades) -> date:
    """The day itself, or the last day before it with trading."""
    for back in range(LONGEST_SHIFT + 1):
        day = nominal - back * ONE_DAY
        if day.weekday() < FIRST_WEEKEND_DAY and trades(day):
            return day
    return nominal


def last_weekday(month: date, weekday: int) -> date:
    """The last Tuesday (1), Thursday (3) ... of a month."""
    last = next_month(month) - ONE_DAY
    return last - ((last.weekday() - weekday) % 7) * ONE_DAY


def next_month(month: date) -> date:
    """The first day of the month after."""
    return (month.replace(day=28) + 4 * ONE_DAY).replace(day=1)


def monthly_expiries(today: date, *, weekday: int, count: int, trades: Trades) -> list[date]:
    """The next monthly expiries, today's included."""
    found: list[date] = []
    for month in months_from(today):
        expiry = settle(last_weekday(month, weekday), trades)
        if expiry >= today:
            found.append(expiry)
        if len(found) == count:
            break
    return found


def weekly_expiries(today: date, *, weekday: int, count: int, trades: Trades) -> list[date]:
    """The next expiries of each week, those that are monthly ones included."""
    first = today + ((weekday - today.weekday()) % 7) * ONE_DAY
    weeks = (settle(first + 7 * week * ONE_DAY, trades) for week in range(count + 1))
    return [expiry for expiry in weeks if expiry >= today][:count]


def dated_expiries(today: date, *, day: int, months: frozenset[int], count: int, trades: Trades) -> list[date]:
    """The next expiries on a day of certain months, or the last weekday before it."""
    found: list[date] = []
    for month in months_from(today):
        if month.month not in months:
            continue
        expiry = settle(month.replace(day=day), trades)
        if expiry >= today:
            found.append(expiry)
        if len(found) == count:
            break
    return found


def future_symbol(name: str, expiry: date) -> str:
    """NIFTY26NOVFUT."""
    return f"{name}{expiry:%y}{MONTHS[expiry.month - 1]}FUT"


def option_symbol(name: str, expiry: date, strike: float, side: str, *, monthly: bool) -> str:
    """NIFTY26NOV24500CE, or NIFTY26N1724500CE for a weekly one; strikes without needless decimals."""
    month = MONTHS[expiry.month - 1] if monthly else f"{WEEKLY_MONTHS[expiry.month - 1]}{expiry:%d}"
    return f"{name}{expiry:%y}{month}{strike:g}{side}"
