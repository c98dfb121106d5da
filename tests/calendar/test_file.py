"""A bad calendar file stops the start with one sentence; the schema beside it says the same."""

import copy
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from app.domain.calendar import build_calendar, load_calendar
from app.domain.calendar_data import SPAN_PHASES, CalendarError, SessionClass, parse_calendar
from app.domain.instruments import Exchange
from app.domain.phases import Phase
from app.domain.time import ist_datetime
from tests.calendar.builders import small_document
from tests.support.schema import conforms

DATA = resources.files("app.domain").joinpath("data")
SCHEMA = json.loads(DATA.joinpath("calendar.schema.json").read_text())
Breaking = Callable[[dict[str, Any]], object]


def group(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["groups"]["G"]
    return found


def rules(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["classes"]["EQUITY"]
    return found


SHAPE: dict[str, tuple[Breaking, str]] = {
    "no name": (lambda d: d.pop("name"), "'name' is missing"),
    "empty name": (lambda d: d.update(name=""), "name: expected a text"),
    "slip of the pen": (lambda d: group(d).update(holiday=[]), "'holiday' is not known"),
    "groups as a list": (lambda d: d.update(groups=[]), "groups: expected an object"),
    "holidays as an object": (lambda d: group(d).update(holidays={}), "expected a list"),
    "no date": (lambda d: group(d)["holidays"][0].pop("date"), "None is not a date"),
    "not a date": (lambda d: group(d).update(known_from="1 June"), "write YYYY-MM-DD"),
    "not a time": (lambda d: group(d)["holidays"][0].update(open_from="9:00"), "write HH:MM"),
    "past midnight": (lambda d: group(d)["holidays"][0].update(open_from="24:01"), "write HH:MM"),
    "unknown class": (lambda d: d["classes"].update(BONDS=rules(d)), "'BONDS' is not one of"),
    "unknown phase": (lambda d: rules(d)["schedules"][0]["phases"][0].__setitem__(0, "LUNCH"), "'LUNCH' is not one"),
    "holiday as a phase": (lambda d: rules(d)["schedules"][0]["phases"][0].__setitem__(0, "HOLIDAY"), "use one of"),
    "span of two": (lambda d: rules(d)["schedules"][0]["phases"][0].pop(), "write [phase, from, to]"),
    "no schedule": (lambda d: rules(d).update(schedules=[]), "valid_from must rise"),
    "hours unclear": (lambda d: group(d)["special_sessions"][0].update(hours="usual"), "expected an object"),
    "hours empty": (lambda d: group(d)["special_sessions"][0].update(hours={}), "at least one class"),
}

SENSE: dict[str, tuple[Breaking, str]] = {
    "no such day": (lambda d: group(d).update(known_from="2026-06-31"), "is not a date"),
    "upside down": (lambda d: group(d).update(valid_until="2026-05-01"), "valid_until must come after"),
    "a thousand years": (lambda d: group(d).update(valid_until="3026-05-01"), "at most 60 years"),
    "holiday outside": (lambda d: group(d)["holidays"][0].update(date="2026-07-01"), "outside 2026-06-01"),
    "twice": (lambda d: group(d)["holidays"].append(group(d)["holidays"][0]), "stands there twice"),
    "both": (lambda d: group(d)["holidays"][0].update(date="2026-06-06"), "both a holiday and a special"),
    "other group": (lambda d: rules(d).update(group="H"), "'H' is not one of the groups: G"),
    "schedule too late": (lambda d: rules(d)["schedules"].pop(0), "must not come after 2026-06-01"),
    "schedules in disorder": (lambda d: rules(d)["schedules"].reverse(), "valid_from must rise"),
    "end before beginning": (lambda d: rules(d)["schedules"][0].update(phases=[["OPEN", "15:00", "09:00"]]), "an end"),
    "overlap": (
        lambda d: rules(d)["schedules"][0].update(phases=[["PRE_OPEN", "09:00", "10:00"], ["OPEN", "09:30", "11:00"]]),
        "overlap",
    ),
    "nothing open": (lambda d: group(d)["holidays"][0].update(open_until="11:00"), "open_from must come before"),
    "no class": (lambda d: d.update(classes={}), "at least one class"),
}


def broken(breaking: Breaking) -> dict[str, Any]:
    document = copy.deepcopy(small_document())
    breaking(document)
    return document


@pytest.mark.parametrize("case", [*SHAPE, *SENSE])
def test_a_bad_document_is_refused_with_its_place(case: str) -> None:
    """Each slip has a sentence that names the place and what belongs there."""
    breaking, sentence = (SHAPE | SENSE)[case]
    with pytest.raises(CalendarError) as caught:
        build_calendar(parse_calendar(broken(breaking)))
    assert sentence in str(caught.value)


@pytest.mark.parametrize("case", SHAPE)
def test_the_schema_refuses_what_the_loader_refuses_for_its_shape(case: str) -> None:
    """An editor that knows the schema marks the slip before the service does."""
    assert not conforms(broken(SHAPE[case][0]), SCHEMA, SCHEMA)


def test_the_schema_accepts_what_the_loader_accepts() -> None:
    """The shipped file and the small one."""
    shipped = json.loads(DATA.joinpath("indian.json").read_text())
    for document in (shipped, small_document()):
        parse_calendar(document)
        assert conforms(document, SCHEMA, SCHEMA)


def test_the_schema_names_the_same_words_as_the_code() -> None:
    """A new class or phase stands in both."""
    assert SCHEMA["$defs"]["class"]["enum"] == list(SessionClass)
    assert set(SCHEMA["$defs"]["span"]["prefixItems"][0]["enum"]) == SPAN_PHASES


def test_a_file_of_ones_own_replaces_the_shipped_one(tmp_path: Path) -> None:
    """Half holiday, Saturday session, a schedule that changes, and a phase that runs to midnight."""
    path = tmp_path / "week.json"
    path.write_text(json.dumps(small_document()))
    calendar = load_calendar(path)
    assert calendar.name == "a week"
    tuesday = calendar.phase(Exchange.NSE, ist_datetime(calendar.known_from, 10))
    assert tuesday.calendar == "a week's list, known until 2026-06-07"
    half = calendar.phase(Exchange.NSE, ist_datetime(calendar.known_from.replace(day=3), 10))
    assert (half.phase, half.reason, half.next_phase) == (Phase.HOLIDAY, "Half", Phase.OPEN)
    friday = calendar.phase(Exchange.NSE, ist_datetime(calendar.known_from.replace(day=5), 23, 59))
    assert friday.next_transition == ist_datetime(calendar.known_from.replace(day=6))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "Expecting property name"),
        (b"[]", "calendar: expected an object"),
        (b"\xff\xfe\xff", "codec can't decode"),
        (b"[" * 100_000, "calendar own.json"),
        (b" " * 4_000_001, "more than 4000000 bytes"),
    ],
    ids=["half", "list", "no text", "deep", "huge"],
)
def test_a_file_that_is_no_calendar_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, sentence: str
) -> None:
    """Whatever stands in it, the error is a CalendarError that names the file."""
    monkeypatch.chdir(tmp_path)
    Path("own.json").write_bytes(content)
    with pytest.raises(CalendarError, match=r"calendar own\.json") as caught:
        load_calendar(Path("own.json"))
    assert sentence in str(caught.value)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    """The message has the path and the system's word."""
    with pytest.raises(CalendarError, match=r"none\.json: cannot be read: No such file"):
        load_calendar(tmp_path / "none.json")
