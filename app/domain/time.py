"""Time: aware UTC inside, IST at the edges."""

from datetime import UTC, date, datetime, timedelta, timezone

IST = timezone(timedelta(hours=5, minutes=30), "IST")
"""India Standard Time has had no daylight saving since 1945, so a fixed offset is exact."""


def from_epoch(seconds: float) -> datetime:
    """The instant, aware, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def to_ist(instant: datetime) -> datetime:
    """The same instant with the offset +05:30. Raises ValueError for a naive one."""
    if instant.tzinfo is None:
        msg = f"{instant.isoformat()} has no time zone"
        raise ValueError(msg)
    return instant.astimezone(IST)


def ist_date(instant: datetime) -> date:
    """The calendar date in India at an instant."""
    return to_ist(instant).date()


def ist_datetime(day: date, hour: int = 0, minute: int = 0) -> datetime:
    """The instant at which clocks in India show `hour:minute` on `day`."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=IST)
