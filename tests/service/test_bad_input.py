"""Bad input, one line a kind: a code, a message that names the thing and the remedy, and no upstream call."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.domain.instruments import InstrumentKind
from tests.service.sockets import subscribed
from tests.service.symbols import NEVER_TRADED, traded
from tests.support.sandbox import ShiftableClock
from tests.support.service import running_pair

QUOTE = "query ($id: ID!) { quote(id: $id) { lastPrice } }"
QUOTES = "query ($ids: [ID!]!, $age: Int) { quotes(ids: $ids, maxAgeMs: $age) { id lastPrice } }"
INSTRUMENTS = "query ($ids: [ID!]!) { instruments(ids: $ids) { id } }"
CANDLES = """query ($from: DateTime, $to: DateTime, $last: Int, $interval: Interval! = MINUTE) {
  candles(id: "NSE:INFY", interval: $interval, from: $from, to: $to, last: $last) { count } }"""
SEARCH = """query ($text: String!, $filter: InstrumentFilter, $first: Int! = 20, $after: String) {
  searchInstruments(text: $text, filter: $filter, first: $first, after: $after) { totalCount edges { cursor } } }"""
LIVE = "subscription ($ids: [ID!]!, $throttle: Int! = 200) { quotes(ids: $ids, throttleMs: $throttle) { sequence } }"
TICKS = "subscription ($ids: [ID!]!, $after: Cursor) { ticks(ids: $ids, after: $after) { cursor } }"
LOGIN = "mutation ($token: String!) { completeKiteLogin(requestToken: $token) { authenticated } }"


@dataclass(frozen=True)
class Bad:
    """One piece of nonsense and what is said about it."""

    query: str
    code: str
    says: str
    """A pattern: the thing, then the remedy."""
    variables: dict[str, Any] = field(default_factory=dict)


def of_candles(code: str, says: str, **variables: Any) -> Bad:
    """A question for bars; `since` is `from`, which Python reserves."""
    return Bad(CANDLES, code, says, {name.replace("since", "from"): value for name, value in variables.items()})


MANY = [f"NSE:S{n}" for n in range(10_000)]
BAD_QUERIES = (
    # instruments
    Bad(QUOTE, "UNKNOWN_INSTRUMENT", r"no instrument NSE:INFYY; did you mean .*NSE:INFY\b", {"id": "NSE:INFYY"}),
    Bad(QUOTE, "UNKNOWN_INSTRUMENT", r"NSE:XQZWKJ; look it up with searchInstruments", {"id": "NSE:XQZWKJ"}),
    Bad(QUOTE, "INVALID_INPUT", r"'INFY' is not an instrument id; write EXCHANGE:SYMBOL", {"id": "INFY"}),
    Bad(QUOTE, "INVALID_INPUT", r"'NYSE' in 'NYSE:IBM' is not an exchange; use one of NSE", {"id": "NYSE:IBM"}),
    Bad(QUOTE, "INVALID_INPUT", r"is not an instrument id; write EXCHANGE:SYMBOL", {"id": ""}),
    Bad(QUOTE, "INVALID_INPUT", r"is not an instrument id; write EXCHANGE:SYMBOL", {"id": "NSE:IN\nFY"}),
    Bad(QUOTE, "INVALID_INPUT", r"at most 80 characters; this one has 504", {"id": "NSE:" + "X" * 500}),
    Bad(QUOTE, "NOT_PRICED", rf"{NEVER_TRADED} has no price at KITE: it has not traded", {"id": NEVER_TRADED}),
    Bad(QUOTES, "INVALID_INPUT", r"`ids` is empty; name at least one instrument", {"ids": []}),
    Bad(QUOTES, "INVALID_INPUT", r"`ids` has 10000 entries and at most 500 are allowed; split", {"ids": MANY}),
    Bad(INSTRUMENTS, "INVALID_INPUT", r"`ids` is empty; name at least one", {"ids": []}),
    Bad(INSTRUMENTS, "INVALID_INPUT", r"`ids` has 501 entries and at most 500", {"ids": MANY[:501]}),
    Bad(
        QUOTES, "INVALID_INPUT", r"`maxAgeMs` is -1; it must lie between 0 and 60000", {"ids": ["NSE:INFY"], "age": -1}
    ),
    Bad(QUOTES, "INVALID_INPUT", r"`maxAgeMs` is 60001; it must", {"ids": ["NSE:INFY"], "age": 60_001}),
    Bad('{ instrument(id: "NSE:INFY") { quote(maxAgeMs: -5) { lastPrice } } }', "INVALID_INPUT", r"`maxAgeMs` is -5"),
    # history
    of_candles("INVALID_INPUT", r"`last` is -5; it must lie between 1 and 50000", last=-5),
    of_candles("INVALID_INPUT", r"`last` is 0; it must lie between 1 and 50000", last=0),
    of_candles("INVALID_INPUT", r"`last` is 50001; .* ask page by page with `to`", last=50_001),
    of_candles(
        *("INVALID_RANGE", r"`from` 2026-11-20T.* is not before `to` 2026-11-19T.*; exchange them"),
        since="2026-11-20T10:00:00+05:30",
        to="2026-11-19T10:00:00+05:30",
    ),
    of_candles("INVALID_RANGE", r"`from` 2999.* lies in the future", since="2999-01-01T00:00:00Z"),
    of_candles("INVALID_INPUT", r"`from` and `last` exclude each other", since="2026-11-20T10:00:00Z", last=5),
    of_candles("INVALID_RANGE", r"`from` 1990.* beyond the source's reach: .* from 2015", since="1990-01-01T00:00:00Z"),
    of_candles("INVALID_RANGE", r"`from` 0001.* beyond the source's reach", since="0001-01-01T00:00:00+05:30"),
    of_candles("INVALID_RANGE", r"`to` 2001.* beyond the source's reach", to="2001-01-01T00:00:00Z", last=5),
    of_candles("INVALID_RANGE", r"more than 50000 MINUTE bars; ask page by page", since="2016-01-01T00:00:00Z"),
    of_candles("BAD_USER_INPUT", r"'2026-11-20T09:15:00' has no offset; write for", since="2026-11-20T09:15:00"),
    of_candles("BAD_USER_INPUT", r"a DateTime is RFC 3339 text such as .* not 'yesterday'", since="yesterday"),
    of_candles("BAD_USER_INPUT", r"MINUTE_7.*Did you mean.* 'MINUTE_\d", interval="MINUTE_7"),
    # search
    Bad(
        SEARCH,
        "INVALID_INPUT",
        r"the search text is empty: write a symbol or a name, such as INFY, or send a filter",
        {"text": "   "},
    ),
    Bad(SEARCH, "INVALID_INPUT", r"100 characters", {"text": "x" * 101}),
    Bad(SEARCH, "INVALID_INPUT", r"first is the size of a page, 1 to 100; not 0", {"text": "infy", "first": 0}),
    Bad(SEARCH, "INVALID_INPUT", r"first is the size of a page, 1 to 100; not 101", {"text": "infy", "first": 101}),
    Bad(SEARCH, "INVALID_INPUT", r"first is the size of a page, .*; not -3", {"text": "infy", "first": -3}),
    Bad(SEARCH, "INVALID_INPUT", r"'garbage' is not a cursor; send back", {"text": "infy", "after": "garbage"}),
    Bad(SEARCH, "INVALID_INPUT", r"is not a cursor; send back", {"text": "infy", "after": ""}),
    # documents and variables
    Bad("{ quote(id: ", "GRAPHQL_PARSE_FAILED", r"Syntax Error"),
    Bad("{ quote { lastPrice } }", "GRAPHQL_VALIDATION_FAILED", r"'Query.quote\(id:\)'.* is required"),
    Bad("{ quots { lastPrice } }", "GRAPHQL_VALIDATION_FAILED", r"'quots'.* Did you mean 'quote"),
    Bad(QUOTES, "BAD_USER_INPUT", r"'\$ids' has invalid value: Expected a value of non-null type '\[ID!\]!'"),
    Bad(QUOTES, "BAD_USER_INPUT", r"'\$ids' has invalid value at \[1\]", {"ids": ["NSE:INFY", None]}),
    Bad(QUOTES, "BAD_USER_INPUT", r"Int cannot represent", {"ids": ["NSE:INFY"], "age": 2**40}),
    # login
    Bad(LOGIN, "INVALID_INPUT", r"no request_token of Kite; copy it from the address", {"token": ""}),
    Bad(LOGIN, "INVALID_INPUT", r"no request_token of Kite", {"token": "../../etc/passwd"}),
    Bad(
        LOGIN,
        "INVALID_INPUT",
        r"Kite refuses this request_token: .* log in again at http",
        {"token": "0123456789abcdef0123456789abcdef"},
    ),
)
BAD_SUBSCRIPTIONS = (
    Bad(LIVE, "INVALID_INPUT", r"`ids` is empty; name at least one", {"ids": []}),
    Bad(LIVE, "INVALID_INPUT", r"`ids` has 1001 entries and at most 1000 are allowed", {"ids": MANY[:1_001]}),
    Bad(
        LIVE, "INVALID_INPUT", r"`throttleMs` is -1; it must lie between 0 and 60000", {"ids": ["A:B"], "throttle": -1}
    ),
    Bad(LIVE, "INVALID_INPUT", r"`throttleMs` is 60001; it must", {"ids": ["NSE:INFY"], "throttle": 60_001}),
    Bad(TICKS, "INVALID_INPUT", r"`ids` is empty", {"ids": []}),
    Bad(
        TICKS,
        "BAD_USER_INPUT",
        r"'garbage' is not a cursor; send back the `cursor`",
        {"ids": ["A:B"], "after": "garbage"},
    ),
)


def faults_of(bad: Bad, errors: list[dict[str, Any]]) -> list[str]:
    """What is wrong with the answer to a piece of nonsense; empty if it is as it should be."""
    if not errors:
        return [f"no error at all for {bad}"[:300]]
    code, message = errors[0]["extensions"]["code"], errors[0]["message"]
    found = []
    if code != bad.code:
        found.append(f"{code} instead of {bad.code}: {message[:200]}")
    if not re.search(bad.says, message, re.DOTALL):
        found.append(f"{message[:200]!r} does not say {bad.says!r}")
    if len(message) > 600:
        found.append(f"a message of {len(message)} characters for {bad.says!r}")
    return found


async def test_each_nonsense_has_its_code_and_a_message_with_the_remedy(tmp_path: Path) -> None:
    """Only what no one can know without asking the exchange reaches it."""
    async with running_pair(tmp_path, sandbox={"rate_limits": None}) as (service, sandbox):
        wrong: list[str] = []
        for bad in BAD_QUERIES:
            response = await service.ask(bad.query, **bad.variables)
            wrong += faults_of(bad, response.get("errors", []))
            wrong += empty_answers(bad, response)
        for bad in BAD_SUBSCRIPTIONS:
            async with subscribed(service, bad.query, **bad.variables) as stream:
                wrong += faults_of(bad, await stream.errors())

        assert wrong == []
        assert sandbox.count("quote") == 1, "only the instrument that never traded"
        assert sandbox.count("historical") == 0


def empty_answers(bad: Bad, response: dict[str, Any]) -> list[str]:
    """Lists that stand in the place of a price that could not be had: the worst answer of the old service."""
    data = response.get("data") or {}
    return [f"{value!r} for {bad.says!r}" for value in data.values() if value in ([], {}, "")]


async def test_cursor_of_another_search_or_master_is_refused(tmp_path: Path) -> None:
    """A page after a cursor continues exactly the search that gave it."""
    async with running_pair(tmp_path) as (service, _):
        page = await service.ask(SEARCH, text="bank", first=2)
        cursor = page["data"]["searchInstruments"]["edges"][-1]["cursor"]

        other = await service.ask(SEARCH, text="steel", first=2, after=cursor)
        same = await service.ask(SEARCH, text="bank", first=2, after=cursor)

        assert other["errors"][0]["extensions"]["code"] == "INVALID_INPUT"
        assert "belongs to another search; keep text and filter the same" in other["errors"][0]["message"]
        assert len(same["data"]["searchInstruments"]["edges"]) == 2


async def test_one_bad_id_among_many_costs_only_its_own_place(tmp_path: Path) -> None:
    """Null at its index, an error with its path, prices for all the others, in the order asked."""
    async with running_pair(tmp_path) as (service, sandbox):
        good = traded(sandbox, 3)
        ids = [good[0], "NSE:INFYY", good[1], NEVER_TRADED, "nonsense", good[2], good[0]]
        response = await service.ask(QUOTES, ids=ids)

        priced = [quote and quote["id"] for quote in response["data"]["quotes"]]
        assert priced == [good[0], None, good[1], None, None, good[2], good[0]]
        codes = {error["path"][1]: error["extensions"]["code"] for error in response["errors"]}
        assert codes == {1: "UNKNOWN_INSTRUMENT", 3: "NOT_PRICED", 4: "INVALID_INPUT"}
        assert all(error["path"][0] == "quotes" for error in response["errors"])
        assert response["extensions"]["cost"]["upstreamCalls"] == 1

        found = await service.ask(INSTRUMENTS, ids=ids)
        assert [each and each["id"] for each in found["data"]["instruments"]] == [
            *(good[0], None, good[1], NEVER_TRADED, None, good[2], good[0])
        ]


async def test_broken_upstream_is_an_error_for_each_and_never_an_empty_answer(tmp_path: Path) -> None:
    """Whatever Kite's front answers with, each symbol gets a null, a code and a path."""
    async with running_pair(tmp_path, sandbox={"rate_limits": None}) as (service, sandbox):
        ids = traded(sandbox, 3)
        for kind, codes in BROKEN.items():
            await sandbox.fault(kind, path="/quote", count=1)
            response = await service.ask(QUOTES, ids=ids, age=0)
            sandbox.heal()

            assert response["data"]["quotes"] == [None, None, None], kind
            assert {error["extensions"]["code"] for error in response["errors"]} <= codes, (kind, response)
            assert sorted(error["path"][1] for error in response["errors"]) == [0, 1, 2], kind
            assert all(error["extensions"]["retryable"] for error in response["errors"]), kind


BROKEN = {
    "http_error": {"SOURCE_UNAVAILABLE"},
    "html_502": {"SOURCE_UNAVAILABLE"},
    "garbage": {"MALFORMED_PAYLOAD"},
}


async def test_expired_contract_is_refused_with_its_date(tmp_path: Path) -> None:
    """Its token may be another contract's by tomorrow, so nobody is asked for it, and no search finds it."""
    clock = ShiftableClock()
    clock.shift(days=5 * 365)
    async with running_pair(tmp_path, login=False, clock=clock) as (service, sandbox):
        listed = [row.instrument for row in sandbox.parts.control._prices._market.listed]
        future = next(each for each in listed if each.kind is InstrumentKind.FUTURE)
        for query in (QUOTE, CANDLES.replace("NSE:INFY", future.id)):
            response = await service.ask(query, id=future.id)

            (error,) = response["errors"]
            assert error["extensions"]["code"] == "UNKNOWN_INSTRUMENT"
            assert error["message"] == f"{future.id} expired on {future.expiry}; use a later contract"
        found = await service.ask(SEARCH, text=future.symbol)
        assert found["data"]["searchInstruments"]["totalCount"] == 0
        assert sandbox.count("quote") == 0
