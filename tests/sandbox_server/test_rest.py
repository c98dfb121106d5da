"""Quotes, instruments and limits, through the vendor's client."""

import csv
import gzip
import io
from datetime import datetime

import pytest
from anyio import create_task_group
from kiteconnect.exceptions import DataException, GeneralException, InputException, NetworkException

from app.domain.time import to_ist
from tests.sandbox_server.tiny_market import INFY, MANDM, NEVER, NIFTY, TinyMarket
from tests.sandbox_server.vendor import vendor_client
from tests.support.sandbox import RunningSandbox, plain_client, running_sandbox


async def test_a_full_quote_has_kites_fields(sandbox: RunningSandbox) -> None:
    """Every key of the vendor's mock, times naive in India, five levels a side as the market has them."""
    client = await vendor_client(sandbox)

    quote = (await client.call("quote", "NSE:INFY"))["NSE:INFY"]

    assert set(quote) == {
        "instrument_token", "timestamp", "last_trade_time", "last_price", "last_quantity", "buy_quantity",
        "sell_quantity", "volume", "average_price", "oi", "oi_day_high", "oi_day_low", "net_change",
        "lower_circuit_limit", "upper_circuit_limit", "ohlc", "depth",
    }  # fmt: skip
    assert (quote["instrument_token"], quote["last_price"], quote["volume"]) == (INFY, 1412.95, 123_456)
    assert (quote["oi"], quote["net_change"], quote["ohlc"]["close"]) == (0, 1.0, 1411.95)
    assert isinstance(quote["timestamp"], datetime)
    assert quote["timestamp"].tzinfo is None
    assert abs((to_ist(sandbox.clock.now()).replace(tzinfo=None) - quote["timestamp"]).total_seconds()) < 5
    assert quote["depth"]["buy"][0] == {"price": 1412.95, "quantity": 100, "orders": 1}


async def test_times_are_written_as_kite_writes_them(sandbox: RunningSandbox) -> None:
    """`2026-11-22 10:15:00`, without a T and without a zone."""
    token = await sandbox.login()
    headers = {"X-Kite-Version": "3", "Authorization": f"token {sandbox.api_key}:{token}"}
    async with plain_client() as client:
        body = (await client.get(f"{sandbox.url}/quote?i=NSE:INFY", headers=headers)).json()

    text = body["data"]["NSE:INFY"]["timestamp"]
    assert datetime.strptime(text, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007  naive is the point


async def test_an_index_quote_lacks_what_indices_lack(sandbox: RunningSandbox) -> None:
    """No depth, volume or open interest."""
    quote = (await (await vendor_client(sandbox)).call("quote", "NSE:NIFTY 50"))["NSE:NIFTY 50"]

    assert set(quote) == {"instrument_token", "timestamp", "last_price", "net_change", "ohlc"}
    assert quote["instrument_token"] == NIFTY


async def test_answers_are_keyed_by_what_was_sent_and_leave_out_the_unknown(sandbox: RunningSandbox) -> None:
    """Tokens and symbols both work; unknown and never traded instruments are absent, and no error."""
    client = await vendor_client(sandbox)
    asked = [str(INFY), "NSE:M&M", "NSE:NOSUCH", "999", str(NEVER), "NSE:925IIFL32A-N0", "", "NSE", "९"]

    ltp = await client.call("ltp", asked)
    ohlc = await client.call("ohlc", "NSE:M&M")

    assert ltp == {
        str(INFY): {"instrument_token": INFY, "last_price": 1412.95},
        "NSE:M&M": {"instrument_token": MANDM, "last_price": 3012.4},
    }
    assert ohlc["NSE:M&M"]["ohlc"] == {"open": 3010.4, "high": 3017.4, "low": 3007.4, "close": 3011.4}
    assert await client.call("quote", "NSE:NOSUCH") == {}
    assert [seen.instruments for seen in sandbox.requests if seen.endpoint == "quote"] == [9, 1, 1]


@pytest.mark.parametrize(("method", "limit"), [("quote", 500), ("ohlc", 1_000), ("ltp", 1_000)])
async def test_too_many_instruments_are_refused(sandbox: RunningSandbox, method: str, limit: int) -> None:
    """500 full quotes and 1,000 of the others pass, one more does not."""
    client = await vendor_client(sandbox)

    known = await client.call(method, ["NSE:INFY", *(f"{number}" for number in range(limit - 1))])
    assert set(known) == {"NSE:INFY"}
    with pytest.raises(InputException, match=str(limit)) as caught:
        await client.call(method, [f"{number}" for number in range(limit + 1)])
    assert caught.value.code == 400


async def test_a_long_address_is_refused_with_a_page(sandbox: RunningSandbox) -> None:
    """Over 8 KiB the front answers 414 in HTML, which the vendor's client calls a DataException."""
    client = await vendor_client(sandbox)

    with pytest.raises(DataException):
        await client.call("quote", [f"NSE:LONGSYMBOL{number}" for number in range(400)])
    assert sandbox.requests[-1].status == 414
    assert sandbox.requests[-1].instruments > 300


async def test_instruments_need_no_session_and_come_compressed(limited: RunningSandbox) -> None:
    """A gzip CSV with Kite's twelve columns, the same bytes on the second request; one exchange alone too."""
    async with plain_client(base_url=limited.url) as client:
        answer, again, mcx = [await client.get(f"/instruments{path}") for path in ("", "", "/MCX")]

    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["x-sandbox"] == "true"
    assert answer.content == again.content
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert len(rows[0]) == 12
    assert {row[2] for row in rows[1:]} >= {"INFY", "M&M", "NIFTY 50", "CRUDEOIL26DECFUT"}
    assert [row[2] for row in csv.reader(io.StringIO(mcx.text))][1:] == ["CRUDEOIL26DECFUT"]
    assert limited.count("instruments") == 3


async def test_the_vendor_reads_the_instruments(sandbox: RunningSandbox) -> None:
    """KiteConnect.instruments parses every row."""
    client = await vendor_client(sandbox)

    rows = await client.call("instruments", "NSE")

    assert INFY in {row["instrument_token"] for row in rows}
    with pytest.raises(InputException, match="Invalid exchange"):
        await client.call("instruments", "NOWHERE")


async def test_the_dump_is_made_once_a_day(sandbox: RunningSandbox) -> None:
    """The next day's dump is another one, made anew."""
    dumps: list[bytes] = []
    async with plain_client() as client:
        for hours in (0, 0, 24):
            sandbox.clock.shift(hours=hours)
            async with client.stream("GET", f"{sandbox.url}/instruments") as answer:
                dumps.append(b"".join([chunk async for chunk in answer.aiter_raw()]))

    assert dumps[0] == dumps[1]
    assert gzip.decompress(dumps[0]) == gzip.decompress(dumps[2])


async def test_a_large_master_can_be_served(market: TinyMarket) -> None:
    """master_rows serves a generated master in place of the market's."""
    async with running_sandbox(market=market, master_rows=5_000) as sandbox, plain_client(timeout=20) as client:
        answer = await client.get(f"{sandbox.url}/instruments")

    assert len(answer.text.splitlines()) == 5_001


async def test_quotes_are_limited_to_one_a_second_and_shape(limited: RunningSandbox) -> None:
    """quote, ohlc and ltp share one request a second; what is over gets 429 at once; time heals it."""
    client = await vendor_client(limited)
    await client.call("ltp", "NSE:INFY")

    for method in ("ltp", "ohlc", "quote"):
        with pytest.raises(NetworkException, match="Too many requests") as caught:
            await client.call(method, "NSE:INFY")
        assert caught.value.code == 429
    limited.clock.shift(seconds=1)
    assert await client.call("ltp", "NSE:INFY")
    assert [seen.status for seen in limited.requests if seen.endpoint == "quote"] == [200, 429, 429, 429, 200]


async def test_a_refusal_says_nothing_of_when_to_come_again(limited: RunningSandbox) -> None:
    """Kite sends no Retry-After."""
    token = await limited.login()
    headers = {"X-Kite-Version": "3", "Authorization": f"token {limited.api_key}:{token}"}
    async with plain_client(base_url=limited.url, headers=headers) as client:
        answers = [await client.get("/quote/ltp?i=NSE:INFY") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert "retry-after" not in answers[1].headers
    assert answers[1].json() == {
        "status": "error", "message": "Too many requests", "error_type": "NetworkException", "data": None,
    }  # fmt: skip


@pytest.mark.parametrize(("path", "allowed"), [("/instruments/historical/408065/day", 3), ("/user/profile", 10)])
async def test_other_classes_have_their_own_limits(limited: RunningSandbox, path: str, allowed: int) -> None:
    """Three histories a second, ten of everything else, whatever was sent of another class."""
    token = await limited.login()
    limited.clock.shift(seconds=1)
    headers = {"X-Kite-Version": "3", "Authorization": f"token {limited.api_key}:{token}"}
    params = {"from": "2026-11-20", "to": "2026-11-20"}
    statuses: list[int] = []
    async with plain_client(base_url=limited.url, headers=headers) as client:

        async def ask() -> None:
            statuses.append((await client.get(path, params=params)).status_code)

        assert (await client.get("/quote/ltp?i=NSE:INFY")).status_code == 200
        async with create_task_group() as tasks:
            for _ in range(allowed + 2):
                tasks.start_soon(ask)

    assert sorted(statuses) == [200] * allowed + [429] * 2


async def test_a_crash_is_answered_in_kites_envelope(sandbox: RunningSandbox, market: TinyMarket) -> None:
    """500, labelled, without a traceback in the body."""
    client = await vendor_client(sandbox)
    market.change(INFY, last_price=object())

    with pytest.raises(GeneralException, match="unexpected") as caught:
        await client.call("ltp", "NSE:INFY")
    assert caught.value.code == 500
