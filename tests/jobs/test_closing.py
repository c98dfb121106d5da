"""The table that closes a backfill: what is stored, in words that are true."""

import io
from datetime import timedelta

from rich.console import Console

from app.commands.closing import LONGEST_SHUT, Stored, closing_table, joined, opening_in, stored_now
from app.domain.candles import CandleRange, Interval
from app.domain.errors import UnknownInstrument
from app.domain.instruments import Instrument
from app.domain.time import to_ist
from app.services.jobs.backfill import BackfillRequest
from tests.history.bench import running_history
from tests.services.fakes import DAY, MONDAY_NOON, SetClock, SetPhases, SteadyCandles, an_instrument


class OneListed:
    """A master of one instrument."""

    def require(self, instrument_id: str) -> Instrument:
        """It, or nothing."""
        if instrument_id != "NSE:A":
            msg = f"there is no instrument {instrument_id}"
            raise UnknownInstrument(msg)
        return an_instrument(instrument_id)


async def test_what_came_is_shown_beside_what_cannot_be_had() -> None:
    """One that is refused hides neither the table nor the others' bars."""
    span = CandleRange(MONDAY_NOON - 10 * DAY, MONDAY_NOON - 5 * DAY)
    async with running_history(SteadyCandles(), SetClock(), SetPhases()) as history:
        await history.ensure(an_instrument("NSE:A"), Interval.DAY, span)
        asked = BackfillRequest(("NSE:A", "NSE:NOPE"), Interval.DAY, span)
        found, lost = await stored_now(asked, history, OneListed())
    assert (len(found.spans), found.still) == (1, 0)
    assert (lost.spans, lost.still) == ((), None)
    output = io.StringIO()
    Console(file=output, width=100).print(closing_table(asked, [found, lost]))
    assert "not to be had" in output.getvalue()


def test_stored_spans_are_shown_without_the_holidays_between() -> None:
    """What lies further apart is shown apart, and only what was asked for."""
    first, last = MONDAY_NOON - 100 * DAY, MONDAY_NOON
    near = [CandleRange(first, first + 10 * DAY), CandleRange(first + 10 * DAY + LONGEST_SHUT, first + 30 * DAY)]
    far = CandleRange(first + 60 * DAY, last + DAY)
    shown = joined([*near, far], CandleRange(first, last))
    assert shown == [CandleRange(first, first + 30 * DAY), CandleRange(far.start, last)]
    asked = BackfillRequest.of(
        ["NSE:A"] + [f"NSE:S{n}" for n in range(30)], Interval.DAY, start=first, end=last, now=last
    )
    output = io.StringIO()
    stored = [Stored("NSE:A", shown, 2), Stored("NSE:S0", [], 1)]
    Console(file=output, width=100).print(closing_table(asked, stored))
    assert f"{to_ist(first):%Y-%m-%d} to {to_ist(first + 30 * DAY):%Y-%m-%d}, " in output.getvalue()
    assert "none" in output.getvalue()
    assert "and 29 more" in output.getvalue()


def test_a_week_that_began_before_is_not_shown_as_stored() -> None:
    """Nor is a day; minutes are as they came."""
    monday = MONDAY_NOON - timedelta(hours=12)
    friday, wednesday = CandleRange(monday - 3 * DAY, monday), CandleRange(monday - 12 * DAY, monday)
    assert opening_in([friday], Interval.WEEK) == []
    assert opening_in([wednesday], Interval.WEEK) == [CandleRange(monday - 7 * DAY, monday)]
    assert opening_in([friday], Interval.MINUTE) == [friday]
