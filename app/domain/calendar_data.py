"""The trading calendar's file: JSON comes in, checked `CalendarData` goes out.

`app.domain.calendar` reads it at start. The format is described in `data/calendar.schema.json`; everything
that the schema says, and what it cannot say (order, overlaps, dates in their range), is checked here, so that
a bad file stops the start with one clear sentence. Standard library only.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import TypeVar

from app.domain.phases import Phase

MINUTES_A_DAY = 24 * 60
TIME_OF_DAY = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00")
LONGEST_CALENDAR_DAYS = 60 * 366
"""A calendar of more than 60 years is a slip of the pen, and would only cost memory."""

T = TypeVar("T")


class CalendarError(ValueError):
    """The calendar file is not usable; the message names the place and what is expected there."""


class SessionClass(StrEnum):
    """Instruments that keep the same hours."""

    EQUITY = "EQUITY"
    """Stocks without derivatives, ETFs, bonds, and the indices."""
    EQUITY_WITH_DERIVATIVES = "EQUITY_WITH_DERIVATIVES"
    """Stocks that have derivatives: since 2026-08-03 they close in an auction."""
    EQUITY_FUTURE = "EQUITY_FUTURE"
    EQUITY_OPTION = "EQUITY_OPTION"
    CURRENCY = "CURRENCY"
    COMMODITY = "COMMODITY"


@dataclass(frozen=True, slots=True)
class DaySpan:
    """A phase between two minutes of an IST day, [start, end); 0 <= start < end <= 1440."""

    phase: Phase
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Holiday:
    """A day without trading, or with trading only between `open_from` and `open_until` (minutes)."""

    name: str
    open_from: int | None = None
    open_until: int | None = None


@dataclass(frozen=True, slots=True)
class SpecialSession:
    """Trading on a day that has none by rule, or at other hours."""

    name: str
    regular: bool = False
    """The usual hours of the day hold."""
    hours: Mapping[SessionClass, tuple[DaySpan, ...]] = field(default_factory=dict)
    """Hours by class. Neither these nor regular: the hours are not known, and the day's phase is UNKNOWN."""


@dataclass(frozen=True, slots=True)
class ExchangeGroup:
    """Exchanges that share a holiday list, and the days for which it is known, both inclusive."""

    name: str
    known_from: date
    valid_until: date
    holidays: Mapping[date, Holiday]
    special: Mapping[date, SpecialSession]


@dataclass(frozen=True, slots=True)
class Schedule:
    """The hours of an ordinary trading day from a date on."""

    valid_from: date
    spans: tuple[DaySpan, ...]


@dataclass(frozen=True, slots=True)
class ClassRules:
    """Where a class of instruments takes its holidays and its hours, schedules oldest first."""

    group: ExchangeGroup
    schedules: tuple[Schedule, ...]


@dataclass(frozen=True, slots=True)
class CalendarData:
    """A whole calendar file."""

    name: str
    sources: tuple[str, ...]
    classes: Mapping[SessionClass, ClassRules]


def parse_calendar(raw: object) -> CalendarData:
    """The calendar in a decoded JSON document. Raises CalendarError."""
    top = _fields(raw, "calendar", required=("name", "sources", "groups", "classes"))
    groups = {name: _group(item, f"groups.{name}") for name, item in _mapping(top["groups"], "groups").items()}
    return CalendarData(
        name=_text(top["name"], "name"),
        sources=tuple(_text(item, f"sources[{i}]") for i, item in enumerate(_list(top["sources"], "sources"))),
        classes={
            _word(SessionClass, name, "classes"): _class_rules(item, groups, f"classes.{name}")
            for name, item in _mapping(top["classes"], "classes").items()
        },
    )


def _group(raw: object, at: str) -> ExchangeGroup:
    item = _fields(raw, at, required=("name", "known_from", "valid_until", "holidays", "special_sessions"))
    first, last = _day(item["known_from"], f"{at}.known_from"), _day(item["valid_until"], f"{at}.valid_until")
    if not 0 <= (last - first).days <= LONGEST_CALENDAR_DAYS:
        msg = f"{at}: valid_until must come after known_from, and at most 60 years after"
        raise CalendarError(msg)
    group = ExchangeGroup(
        name=_text(item["name"], f"{at}.name"),
        known_from=first,
        valid_until=last,
        holidays=_dated(item["holidays"], f"{at}.holidays", _holiday),
        special=_dated(item["special_sessions"], f"{at}.special_sessions", _special),
    )
    for day in (*group.holidays, *group.special):
        if not first <= day <= last:
            msg = f"{at}: {day} is outside {first} to {last}, for which the group says that it knows the holidays"
            raise CalendarError(msg)
    if both := group.holidays.keys() & group.special.keys():
        msg = f"{at}: {min(both)} is both a holiday and a special session; keep the special session"
        raise CalendarError(msg)
    return group


def _holiday(raw: object, at: str) -> Holiday:
    item = _fields(raw, at, required=("date", "name"), optional=("open_from", "open_until"))
    opens, closes = (
        None if item.get(key) is None else _minute(item[key], f"{at}.{key}") for key in ("open_from", "open_until")
    )
    if opens is not None and closes is not None and opens >= closes:
        msg = f"{at}: open_from must come before open_until"
        raise CalendarError(msg)
    return Holiday(_text(item["name"], f"{at}.name"), opens, closes)


def _special(raw: object, at: str) -> SpecialSession:
    item = _fields(raw, at, required=("date", "name", "hours"))
    name, hours = _text(item["name"], f"{at}.name"), item["hours"]
    if hours in ("regular", "unknown"):
        return SpecialSession(name, regular=hours == "regular")
    if hours == {}:
        msg = f'{at}.hours: name at least one class, or write "unknown"'
        raise CalendarError(msg)
    return SpecialSession(
        name,
        hours={
            _word(SessionClass, key, f"{at}.hours"): _spans(spans, f"{at}.hours.{key}")
            for key, spans in _mapping(hours, f"{at}.hours").items()
        },
    )


def _class_rules(raw: object, groups: Mapping[str, ExchangeGroup], at: str) -> ClassRules:
    item = _fields(raw, at, required=("group", "schedules"))
    group = groups.get(_text(item["group"], f"{at}.group"))
    if group is None:
        msg = f"{at}.group: {item['group']!r} is not one of the groups: {', '.join(groups)}"
        raise CalendarError(msg)
    schedules = tuple(
        _schedule(entry, f"{at}.schedules[{i}]") for i, entry in enumerate(_list(item["schedules"], f"{at}.schedules"))
    )
    dates = [schedule.valid_from for schedule in schedules]
    if dates != sorted(set(dates)) or not dates or dates[0] > group.known_from:
        msg = f"{at}.schedules: valid_from must rise, and the first must not come after {group.known_from}"
        raise CalendarError(msg)
    return ClassRules(group, schedules)


def _schedule(raw: object, at: str) -> Schedule:
    item = _fields(raw, at, required=("valid_from", "phases"))
    return Schedule(_day(item["valid_from"], f"{at}.valid_from"), _spans(item["phases"], f"{at}.phases"))


def _spans(raw: object, at: str) -> tuple[DaySpan, ...]:
    spans = tuple(_span(item, f"{at}[{i}]") for i, item in enumerate(_list(raw, at)))
    for before, after in pairwise(spans):
        if after.start < before.end:
            msg = f"{at}: the phases overlap or are not in the order of the day at {after.phase}"
            raise CalendarError(msg)
    return spans


SPAN_PHASES = frozenset({Phase.PRE_OPEN, Phase.OPEN, Phase.CLOSING_AUCTION, Phase.POST_CLOSE})
"""What a schedule may name; between them the exchange is CLOSED."""


def _span(raw: object, at: str) -> DaySpan:
    match raw:
        case [phase, start, end]:
            span = DaySpan(_word(Phase, phase, at), _minute(start, at), _minute(end, at))
        case _:
            msg = f'{at}: write [phase, from, to], for example ["OPEN", "09:15", "15:30"]'
            raise CalendarError(msg)
    if span.phase not in SPAN_PHASES or span.start >= span.end:
        msg = f"{at}: use one of {', '.join(sorted(SPAN_PHASES))}, and an end after the beginning"
        raise CalendarError(msg)
    return span


# ---------------------------------------------------------------- plain JSON


def _fields(raw: object, at: str, *, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> Mapping[str, object]:
    item = _mapping(raw, at)
    for key in required:
        if key not in item:
            msg = f"{at}: {key!r} is missing"
            raise CalendarError(msg)
    for key in item:
        if key not in (*required, *optional, "$schema", "comment"):
            msg = f"{at}: {key!r} is not known; use {', '.join((*required, *optional))}"
            raise CalendarError(msg)
    return item


def _dated(raw: object, at: str, read: Callable[[object, str], T]) -> dict[date, T]:
    found: dict[date, T] = {}
    for i, item in enumerate(_list(raw, at)):
        day = _day(_mapping(item, f"{at}[{i}]").get("date"), f"{at}[{i}].date")
        if day in found:
            msg = f"{at}: {day} stands there twice"
            raise CalendarError(msg)
        found[day] = read(item, f"{at}[{i}]")
    return found


def _mapping(raw: object, at: str) -> Mapping[str, object]:
    if not isinstance(raw, dict):
        msg = f"{at}: expected an object"
        raise CalendarError(msg)
    return raw


def _list(raw: object, at: str) -> list[object]:
    if not isinstance(raw, list):
        msg = f"{at}: expected a list"
        raise CalendarError(msg)
    return raw


def _text(raw: object, at: str) -> str:
    if not isinstance(raw, str) or not raw.strip():
        msg = f"{at}: expected a text"
        raise CalendarError(msg)
    return raw


def _word(words: type[T], raw: object, at: str) -> T:
    try:
        return words(raw)  # type: ignore[call-arg] # an enum class called with a value
    except ValueError:
        msg = f"{at}: {raw!r} is not one of {', '.join(words)}"  # type: ignore[arg-type] # enum classes iterate
        raise CalendarError(msg) from None


def _day(raw: object, at: str) -> date:
    try:
        return date.fromisoformat(_text(raw, at))
    except ValueError:
        msg = f"{at}: {raw!r} is not a date; write YYYY-MM-DD"
        raise CalendarError(msg) from None


def _minute(raw: object, at: str) -> int:
    text = _text(raw, at)
    if TIME_OF_DAY.fullmatch(text):
        hours, minutes = text.split(":")
        return int(hours) * 60 + int(minutes)
    msg = f"{at}: {raw!r} is not a time of day; write HH:MM, up to 24:00"
    raise CalendarError(msg)
