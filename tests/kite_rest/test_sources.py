"""Quotes, candles, the master and the login over a real socket: what is sent, and how partial failure is told."""

import gc
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.requests import Request
from starlette.responses import Response

from app.domain.candles import CandleRange, Interval
from app.domain.continuous import continuous_future
from app.domain.errors import (
    InvalidInput,
    InvalidRange,
    LoginRequired,
    MalformedPayload,
    NotSupported,
    RateLimited,
    SourceUnavailable,
)
from app.domain.instruments import InstrumentKind
from app.domain.provenance import DataSource
from app.domain.time import IST, ist_datetime
from app.providers.budget import Allowance, SourceBudgets
from app.providers.kite.adapter import build_kite
from app.providers.kite.login import session_end
from tests.kite_rest.conftest import LOGIN_URL, SECRET, TOKEN
from tests.kite_rest.fake_kite import csv, failure, success
from tests.kite_rest.samples import equities, index_quote, instrument, quote_of
from tests.kite_rest.test_instruments_csv import GOOD, HEADER
from tests.support.clock import FixedClock
from tests.support.steps import counted_work

MORNING = ist_datetime(date(2026, 11, 20), 9, 15)
ONE_HOUR = CandleRange(MORNING.astimezone(UTC), (MORNING + timedelta(hours=1)).astimezone(UTC))
FUTURE = instrument("NFO:NIFTY99DECFUT", 77, kind=InstrumentKind.FUTURE, expiry=date(2099, 12, 29))


async def every_quote(request: Request) -> Response:
    """A quote for every token that is asked for."""
    return success({key: quote_of(int(key)) for key in request.query_params.getlist("i")})


# ---------------------------------------------------------------- quotes


async def test_quotes_are_asked_by_token_and_missing_ones_are_absent(kite, fake):
    """One call; an unknown symbol is in neither mapping."""
    fake.usual = success({"408065": quote_of(), "256265": index_quote()})
    nifty = instrument("NSE:NIFTY 50", 256265, kind=InstrumentKind.INDEX)
    batch = await kite.quotes.quotes([instrument(), nifty, instrument("NSE:M&M", None)])
    assert fake.requests[0].query_params.getlist("i") == ["408065", "256265", "NSE:M&M"]
    assert set(batch.quotes) == {"NSE:INFY", "NSE:NIFTY 50"}
    assert (batch.errors, batch.upstream_calls) == ({}, 1)
    assert batch.quotes["NSE:INFY"].source is DataSource.SANDBOX


async def test_1001_instruments_take_three_requests(kite, fake):
    """Each within Kite's 500, each instrument once."""
    fake.usual = every_quote
    batch = await kite.quotes.quotes(equities(1001))
    assert len(batch.quotes) == 1001
    assert batch.upstream_calls == len(fake.requests) == kite.client.calls == 3
    assert sorted(len(request.query_params.getlist("i")) for request in fake.requests) == [1, 500, 500]


async def test_a_request_that_fails_costs_its_own_instruments_only(kite, fake):
    """The others are answered, and each failed one has its error."""
    fake.script.append(failure(503, "NetworkException"))
    fake.usual = every_quote
    batch = await kite.quotes.quotes(equities(600))
    assert len(batch.quotes) + len(batch.errors) == 600
    assert len(batch.errors) in {100, 500}
    assert all(isinstance(error, SourceUnavailable) for error in batch.errors.values())
    assert batch.upstream_calls == 2


async def test_if_everything_fails_the_error_is_raised(kite, fake):
    """There is no answer to hand out."""
    fake.usual = failure(503, "NetworkException")
    with pytest.raises(SourceUnavailable):
        await kite.quotes.quotes(equities(600))


async def test_an_answer_that_is_no_mapping_is_malformed(kite, fake):
    """As a whole."""
    fake.usual = success(["quotes"])
    with pytest.raises(MalformedPayload):
        await kite.quotes.quotes(equities(2))


async def test_no_instruments_are_the_callers_mistake(kite, fake):
    """Kite is not asked."""
    with pytest.raises(InvalidInput):
        await kite.quotes.quotes([])
    assert fake.requests == []


async def test_what_the_budget_does_not_allow_is_told_and_not_sent(build, fake):
    """Of more requests than fit into the wait the first go out; the others have RateLimited and are not counted."""
    fake.usual = every_quote
    clock = FixedClock()
    config = build(fake.url).client.config
    budgets = SourceBudgets({"quote": Allowance(1, 0.0)}, clock)
    kite = build_kite(config, clock=clock, budgets=budgets)
    kite.tokens.replace(TOKEN)
    batch = await kite.quotes.quotes(equities(1001))
    kite.close()
    assert batch.upstream_calls == len(fake.requests) == 1
    assert len(batch.quotes) == 500
    refusals = list(batch.errors.values())
    assert all(isinstance(error, RateLimited) and error.retry_after_ms == 1050 for error in refusals)


# ---------------------------------------------------------------- candles


async def test_history_is_asked_in_indian_wall_clock_with_an_inclusive_end(kite, fake):
    """An aware instant would be sent with its offset dropped."""
    fake.usual = success({"candles": [["2026-11-20T09:15:00+0530", 1, 3, 1, 2, 10]]})
    bars = await kite.candles.candles(instrument(), Interval.MINUTE_5, ONE_HOUR)
    asked = fake.requests[0]
    assert asked.url.path == "/instruments/historical/408065/5minute"
    assert dict(asked.query_params) == {
        "from": "2026-11-20 09:15:00",
        "to": "2026-11-20 10:14:59",
        "interval": "5minute",
        "continuous": "0",
        "oi": "0",
    }
    assert [bar.time for bar in bars] == [MORNING]


async def test_days_before_a_futures_listing_are_asked_for_by_a_flag(kite, fake):
    """Kite joins those of the contracts before it."""
    fake.usual = success({"candles": []})
    future = instrument("NFO:NIFTY26NOVFUT", kind=InstrumentKind.FUTURE)
    await kite.candles.candles(continuous_future(future, Interval.DAY), Interval.DAY, ONE_HOUR)
    assert fake.requests[0].query_params["continuous"] == "1"


async def test_open_interest_is_asked_for_contracts_alone(kite, fake):
    """A share has none."""
    fake.usual = success({"candles": [["2026-11-20T09:15:00+0530", 1, 3, 1, 2, 10, 4200]]})
    bars = await kite.candles.candles(FUTURE, Interval.MINUTE, ONE_HOUR)
    assert fake.requests[0].query_params["oi"] == "1"
    assert [bar.open_interest for bar in bars] == [4200]


async def test_no_trading_is_an_empty_series(kite, fake):
    """Not an error."""
    fake.usual = success({"candles": []})
    assert await kite.candles.candles(instrument(), Interval.DAY, ONE_HOUR) == []


@pytest.mark.parametrize(
    ("of", "interval", "span", "expected"),
    [
        (instrument(), Interval.WEEK, ONE_HOUR, NotSupported),
        (instrument(), Interval.MONTH, ONE_HOUR, NotSupported),
        (instrument(token=None), Interval.DAY, ONE_HOUR, NotSupported),
        (
            instrument("NFO:OLD", 5, kind=InstrumentKind.FUTURE, expiry=date(2020, 1, 30)),
            Interval.DAY,
            ONE_HOUR,
            NotSupported,
        ),
        (instrument(), Interval.DAY, CandleRange(ONE_HOUR.end, ONE_HOUR.start), InvalidRange),
        (instrument(), Interval.DAY, CandleRange(ONE_HOUR.end, ONE_HOUR.end), InvalidRange),
        (
            instrument(),
            Interval.MINUTE,
            CandleRange(ONE_HOUR.start, ONE_HOUR.start + timedelta(days=60, seconds=1)),
            InvalidRange,
        ),
        (
            instrument(),
            Interval.DAY,
            CandleRange(datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC) + timedelta(days=1)),
            InvalidRange,
        ),
        (
            instrument(),
            Interval.DAY,
            CandleRange(datetime.max.replace(tzinfo=UTC) - timedelta(days=1), datetime.max.replace(tzinfo=UTC)),
            InvalidRange,
        ),
    ],
)
async def test_what_kite_cannot_answer_is_not_sent(kite, fake, of, interval, span, expected):
    """Each names what it cannot do."""
    with pytest.raises(expected):
        await kite.candles.candles(of, interval, span)
    assert fake.requests == []


@pytest.mark.parametrize("interval", list(Interval))
async def test_the_longest_span_is_accepted(kite, fake, interval):
    """Exactly as long, for every interval that Kite has."""
    longest = kite.candles.longest_span(interval)
    assert (longest is None) == (interval in {Interval.WEEK, Interval.MONTH})
    if longest is not None:
        fake.usual = success({"candles": []})
        assert await kite.candles.candles(instrument(), interval, CandleRange(MORNING, MORNING + longest)) == []


# ---------------------------------------------------------------- the master


async def test_the_master_needs_no_login_and_sends_no_token(build, fake):
    """It can be refreshed before anyone has logged in."""
    kite = build(fake.url, token=None)
    fake.usual = csv("\n".join([HEADER, *GOOD, "x"]))
    dump = await kite.instruments.instruments()
    assert (len(dump.instruments), dump.skipped_rows) == (len(GOOD), 1)
    assert (fake.requests[0].url.path, fake.authorizations) == ("/instruments", [None])


async def test_the_loop_goes_on_while_a_large_master_is_parsed(kite, fake):
    """The rows are parsed in a thread, and the garbage collector is on again afterwards."""
    rows = [f"{n},1,S{n},A COMPANY,0,,0,0.05,1,EQ,NSE,NSE" for n in range(1, 20_001)]
    fake.usual = csv("\n".join([HEADER, *rows]))
    with counted_work() as work:
        dump = await kite.instruments.instruments()
    assert len(dump.instruments) == 20_000
    assert work.longest_turn < 20_000 / 10
    assert gc.isenabled()
    fake.usual = csv("nothing")
    with pytest.raises(MalformedPayload):
        await kite.instruments.instruments()
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (success({"instruments": []}), MalformedPayload),
        (csv("a,b\n1,2"), MalformedPayload),
        (failure(502, "NetworkException"), SourceUnavailable),
        (failure(403, "TokenException"), LoginRequired),
    ],
)
async def test_a_master_that_is_none_is_an_error(kite, fake, answer, expected):
    """And the present session has nothing to do with it."""
    refused: list[str] = []
    kite.tokens.on_rejected(refused.append)
    fake.usual = answer
    with pytest.raises(expected):
        await kite.instruments.instruments()
    assert refused == []


# ---------------------------------------------------------------- login

SESSION = {
    "user_id": "AB1234",
    "user_name": "आशा राव",
    "api_key": "key",
    "access_token": "fresh-access-token",
    "public_token": "p",
    "refresh_token": "",
    "login_time": "2026-11-20 08:01:02",
    "exchanges": ["NSE"],
    "meta": {"demat_consent": "physical"},
}


async def test_the_login_page_hands_our_state_back(kite):
    """Kite appends `redirect_params` to the redirect as they are."""
    page = urlsplit(kite.login.login_page("a.b&c=d"))
    query = parse_qs(page.query)
    assert f"{page.scheme}://{page.netloc}{page.path}" == "https://kite.zerodha.com/connect/login"
    assert (query["api_key"], query["v"]) == (["key"], ["3"])
    assert parse_qs(query["redirect_params"][0]) == {"state": ["a.b&c=d"]}


async def test_a_finished_login_becomes_a_grant(kite, fake):
    """The checksum proves the secret, which is not sent; Kite's wall clock becomes an instant."""
    fake.usual = success(SESSION)
    grant = await kite.login.exchange("request-token-1")
    assert fake.forms[0].keys() == {"api_key", "request_token", "checksum"}
    assert len(fake.forms[0]["checksum"]) == 64
    assert SECRET not in str(fake.forms)
    assert (grant.user_id, grant.user_name, grant.access_token) == ("AB1234", "आशा राव", "fresh-access-token")
    assert grant.login_time == datetime(2026, 11, 20, 8, 1, 2, tzinfo=IST)
    assert grant.expires_at > kite.client.clock.now()
    assert kite.tokens.token == TOKEN


@pytest.mark.parametrize("answer", [failure(403, "TokenException"), failure(400, "InputException")])
async def test_a_used_request_token_is_the_callers_mistake(kite, fake, answer):
    """The present session is not touched, and the message says what to do."""
    refused: list[str] = []
    kite.tokens.on_rejected(refused.append)
    fake.usual = answer
    with pytest.raises(InvalidInput) as caught:
        await kite.login.exchange("request-token-1")
    assert LOGIN_URL in caught.value.message
    assert "request-token-1" not in caught.value.message
    assert refused == []


@pytest.mark.parametrize("text", ["", "x" * 300, "a b", "a\r\nb", "ü"])
async def test_what_is_no_request_token_is_not_sent(kite, fake, text):
    """Garbage from an address bar."""
    with pytest.raises(InvalidInput):
        await kite.login.exchange(text)
    assert fake.requests == []


@pytest.mark.parametrize(
    "changes",
    [{"access_token": ""}, {"access_token": "a\nb"}, {"access_token": 5}, {"user_id": None}, {"login_time": "soon"}],
)
async def test_a_session_that_is_none_is_malformed(kite, fake, changes):
    """Nothing that could break a header later is let in."""
    fake.usual = success(SESSION | changes)
    with pytest.raises(MalformedPayload):
        await kite.login.exchange("request-token-1")


async def test_ending_a_session_names_it(kite, fake):
    """By the token that was given."""
    fake.usual = success(True)
    await kite.login.invalidate("older-token")
    assert fake.requests[0].method == "DELETE"
    assert dict(fake.requests[0].query_params) == {"api_key": "key", "access_token": "older-token"}


async def test_ending_a_dead_session_is_no_error(kite, fake):
    """It is what was wanted."""
    fake.usual = failure(403, "TokenException")
    await kite.login.invalidate("older-token")
    assert len(fake.requests) == 1


async def test_a_token_can_be_tried(kite, fake):
    """True, False, or an error if Kite cannot be asked; the present session stays out of it."""
    fake.script.extend(
        [success({"user_id": "AB1234"}), failure(403, "TokenException"), failure(503, "NetworkException")]
    )
    assert await kite.login.verify("saved-token") is True
    assert await kite.login.verify("saved-token") is False
    with pytest.raises(SourceUnavailable):
        await kite.login.verify("saved-token")
    assert fake.authorizations == ["token key:saved-token"] * 3


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (datetime(2026, 11, 20, 8, 0, tzinfo=IST), datetime(2026, 11, 21, 6, 0, tzinfo=IST)),
        (datetime(2026, 11, 20, 5, 59, tzinfo=IST), datetime(2026, 11, 20, 6, 0, tzinfo=IST)),
        (datetime(2026, 11, 20, 6, 0, tzinfo=IST), datetime(2026, 11, 21, 6, 0, tzinfo=IST)),
        (datetime(2026, 11, 20, 0, 15, tzinfo=UTC), datetime(2026, 11, 20, 6, 0, tzinfo=IST)),
    ],
)
def test_a_session_ends_at_six_in_india(now, end):
    """The next one."""
    assert session_end(now) == end
