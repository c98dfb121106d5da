"""From rules to time: the phases of single days, joined into one timeline a class.

`app.domain.calendar` builds one `Timeline` for each class of instruments at start. Pure, standard library only.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from app.domain.calendar_data import MINUTES_A_DAY, ClassRules, DaySpan, Holiday, SessionClass
from app.domain.phases import Phase
from app.domain.time import ist_date, ist_datetime

FIRST_WEEKEND_DAY = 5
BEGINNING = datetime.min.replace(tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Phases that follow one another without a gap: each holds from its start to the next one's start.

    The first one has no beginning and the last one no end. Neighbours always differ.
    """

    starts: tuple[datetime, ...]
    phases: tuple[Phase, ...]
    reasons: Mapping[date, str] = field(default_factory=dict)
    """Names of holidays and special sessions by IST date."""

    def index_at(self, at: datetime) -> int:
        """Which phase holds at the instant."""
        return bisect_right(self.starts, at) - 1

    def since(self, index: int) -> datetime | None:
        """When a phase began; None if it has no beginning or what came before it is not known."""
        if index == 0 or (self.phases[index - 1] is Phase.UNKNOWN):
            return None
        return self.starts[index]

    def until(self, index: int) -> datetime | None:
        """When a phase ends; None for the last one."""
        return self.starts[index + 1] if index + 1 < len(self.starts) else None

    def spans(self, start: datetime, end: datetime, phases: frozenset[Phase]) -> Iterator[tuple[datetime, datetime]]:
        """Where one of the phases holds within [start, end), oldest first, joined where they touch."""
        pending: tuple[datetime, datetime] | None = None
        for index in range(self.index_at(start), len(self.starts)):
            if self.starts[index] >= end:
                break
            if self.phases[index] not in phases:
                continue
            lower, upper = max(self.starts[index], start), min(self.until(index) or end, end)
            if pending and pending[1] == lower:
                lower = pending[0]
            elif pending:
                yield pending
            pending = lower, upper
        if pending:
            yield pending


def build_timeline(session: SessionClass, rules: ClassRules) -> Timeline:
    """The timeline of a class: UNKNOWN before and after the days that its holiday list covers."""
    starts, phases = [BEGINNING], [Phase.UNKNOWN]
    day = rules.group.known_from
    while day <= rules.group.valid_until:
        midnight = ist_datetime(day).astimezone(UTC)
        for span in day_phases(session, rules, day):
            if span.phase is not phases[-1]:
                starts.append(midnight + timedelta(minutes=span.start))
                phases.append(span.phase)
        day += DAY
    starts.append(ist_datetime(day).astimezone(UTC))
    phases.append(Phase.UNKNOWN)
    reasons = {day: special.name for day, special in rules.group.special.items()}
    reasons |= {day: holiday.name for day, holiday in rules.group.holidays.items()}
    return Timeline(tuple(starts), tuple(phases), reasons)


def day_phases(session: SessionClass, rules: ClassRules, day: date) -> tuple[DaySpan, ...]:
    """The phases of an IST day from 00:00 to 24:00, without a gap."""
    special = rules.group.special.get(day)
    if special is not None:
        if special.regular:
            return fill(_ordinary(rules, day), Phase.CLOSED)
        if session in special.hours:
            return fill(special.hours[session], Phase.CLOSED)
        return (DaySpan(Phase.UNKNOWN if not special.hours else Phase.CLOSED, 0, MINUTES_A_DAY),)
    if day.weekday() >= FIRST_WEEKEND_DAY:
        return (DaySpan(Phase.CLOSED, 0, MINUTES_A_DAY),)
    spans = fill(_ordinary(rules, day), Phase.CLOSED)
    holiday = rules.group.holidays.get(day)
    return spans if holiday is None else _trim(spans, holiday)


def fill(spans: tuple[DaySpan, ...], other: Phase) -> tuple[DaySpan, ...]:
    """The spans with their gaps filled, so that they cover the whole day."""
    filled: list[DaySpan] = []
    minute = 0
    for span in spans:
        if span.start > minute:
            filled.append(DaySpan(other, minute, span.start))
        filled.append(span)
        minute = span.end
    if minute < MINUTES_A_DAY:
        filled.append(DaySpan(other, minute, MINUTES_A_DAY))
    return tuple(filled)


def _ordinary(rules: ClassRules, day: date) -> tuple[DaySpan, ...]:
    index = bisect_right(rules.schedules, day, key=lambda schedule: schedule.valid_from) - 1
    return rules.schedules[index].spans


def _trim(spans: tuple[DaySpan, ...], holiday: Holiday) -> tuple[DaySpan, ...]:
    """What a holiday leaves of a day: HOLIDAY outside its open part, the whole day if it has none."""
    if holiday.open_from is None and holiday.open_until is None:
        return (DaySpan(Phase.HOLIDAY, 0, MINUTES_A_DAY),)
    opens, closes = holiday.open_from or 0, holiday.open_until or MINUTES_A_DAY
    kept = (DaySpan(span.phase, max(span.start, opens), min(span.end, closes)) for span in spans)
    return fill(tuple(span for span in kept if span.start < span.end), Phase.HOLIDAY)


def reason_at(timeline: Timeline, at: datetime) -> str | None:
    """Name of the holiday or special session of the IST day, if it has one."""
    return timeline.reasons.get(ist_date(at)) if timeline.reasons else None
