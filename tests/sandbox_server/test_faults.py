"""Faults on demand, over the control endpoint and through the vendor's client."""

from typing import Any

import anyio
import httpx
import pytest
from kiteconnect.exceptions import DataException, GeneralException, NetworkException, TokenException
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from app.sandbox.faults import KINDS
from tests.sandbox_server.tiny_market import CRUDE, INFY, MANDM, TinyMarket
from tests.sandbox_server.vendor import VendorClient, open_socket, vendor_client
from tests.support.sandbox import RunningSandbox, plain_client


async def control(sandbox: RunningSandbox, method: str, path: str, body: Any = None) -> httpx.Response:
    async with plain_client(base_url=sandbox.url) as client:
        return await client.request(method, f"/sandbox/{path}", json=body)


@pytest.fixture
async def client(sandbox: RunningSandbox) -> VendorClient:
    """A logged in vendor's client."""
    return await vendor_client(sandbox)


@pytest.mark.parametrize(
    ("kind", "error", "code"),
    [
        ("http_error", NetworkException, 503),
        ("html_502", DataException, 502),
        ("garbage", DataException, 502),
        ("rate_limit", NetworkException, 429),
        ("no_content_type", KeyError, None),
        ("no_error_type", TypeError, None),
        ("json_list", AttributeError, None),
    ],
)
async def test_each_bad_answer_breaks_the_vendors_client_its_own_way(
    sandbox: RunningSandbox, client: VendorClient, kind: str, error: type[Exception], code: int | None
) -> None:
    """As upstream.md 1.5 lists them; the next call is sound again."""
    answer = await control(sandbox, "POST", "faults", {"kind": kind, "count": 1})
    assert answer.json()["data"]["fault"]["kind"] == kind

    with pytest.raises(error) as caught:
        await client.call("ltp", "NSE:INFY")
    assert getattr(caught.value, "code", None) == code
    assert await client.call("ltp", "NSE:INFY")


async def test_a_status_can_be_chosen(sandbox: RunningSandbox, client: VendorClient) -> None:
    """http_error answers with the status that was asked for."""
    await sandbox.fault("http_error", status=500, count=1)

    with pytest.raises(GeneralException) as caught:
        await client.call("profile")
    assert caught.value.code == 500


async def test_a_fault_hits_its_path_alone_and_until_it_is_removed(
    sandbox: RunningSandbox, client: VendorClient
) -> None:
    """A prefix confines it; without a count it holds until DELETE; login pages are spared unless named."""
    await sandbox.fault("http_error", path="/quote")
    for _ in range(3):
        with pytest.raises(NetworkException):
            await client.call("ltp", "NSE:INFY")
    assert await client.call("profile")
    assert (await control(sandbox, "GET", "faults")).json()["data"]["faults"][0]["path"] == "/quote"

    await control(sandbox, "DELETE", "faults")
    assert await client.call("ltp", "NSE:INFY")
    await sandbox.fault("http_error")
    assert await sandbox.request_token()


async def test_a_fault_can_end_by_itself(sandbox: RunningSandbox, client: VendorClient) -> None:
    """`seconds` is the life of every fault but latency."""
    sandbox.clock.freeze()
    await sandbox.fault("rate_limit", seconds=2)
    with pytest.raises(NetworkException):
        await client.call("profile")
    sandbox.clock.shift(seconds=3)

    assert await client.call("profile")
    assert (await control(sandbox, "GET", "faults")).json()["data"]["faults"] == []


async def test_latency_delays_and_then_answers(sandbox: RunningSandbox, client: VendorClient) -> None:
    """The answer is right, only late; a second fault on top is answered late too."""
    await sandbox.fault("latency", seconds=0.15, count=2)
    before = anyio.current_time()
    assert await client.call("profile")
    assert anyio.current_time() - before >= 0.15

    await sandbox.fault("html_502", count=1)
    before = anyio.current_time()
    with pytest.raises(DataException):
        await client.call("profile")
    assert anyio.current_time() - before >= 0.15


async def test_a_dead_token_is_refused_everywhere_until_a_new_login(
    sandbox: RunningSandbox, client: VendorClient
) -> None:
    """403 over REST and at the upgrade; a new login works, the old token never again."""
    token = client.kite.access_token
    assert await sandbox.fault("dead_token") == 1

    with pytest.raises(TokenException):
        await client.call("ltp", "NSE:INFY")
    with pytest.raises(InvalidStatus) as caught:
        async with open_socket(sandbox, token):
            pass
    assert caught.value.response.status_code == 403
    assert await (await vendor_client(sandbox)).call("profile")
    with pytest.raises(TokenException):
        await client.call("profile")


async def test_a_stalled_socket_stays_open_and_silent(
    sandbox: RunningSandbox, client: VendorClient, market: TinyMarket
) -> None:
    """No tick, no heartbeat, no answer; a socket that is opened later is sound; healing ends it."""
    async with open_socket(sandbox, client.kite.access_token) as stalled:
        await stalled.send("subscribe", [INFY])
        await stalled.ticks()
        assert (await control(sandbox, "POST", "faults", {"kind": "stall_socket"})).json()["data"]["hit"] == 1
        await stalled.flushed()
        await stalled.send("subscribe", [MANDM])
        market.change(INFY, last_price=1.0)
        assert await stalled.silent_for(0.15)

        async with open_socket(sandbox, client.kite.access_token) as sound:
            await sound.send("subscribe", [INFY])
            assert await sound.ticks()
        await control(sandbox, "DELETE", "faults")
        assert await stalled.receive() == b"\x00"


async def test_a_stall_can_be_short_and_of_some_sockets(sandbox: RunningSandbox, client: VendorClient) -> None:
    """The oldest `count` sockets, for `seconds`."""
    token = client.kite.access_token
    async with open_socket(sandbox, token) as first, open_socket(sandbox, token) as second:
        assert await sandbox.fault("stall_socket", count=1, seconds=60) == 1
        await first.flushed()
        assert await first.silent_for(0.1)
        assert await second.receive()
        sandbox.clock.shift(seconds=61)
        assert await first.receive() == b"\x00"


async def test_a_dropped_socket_ends_without_a_close_frame(sandbox: RunningSandbox, client: VendorClient) -> None:
    """As a lost line: 1006; the next dial works."""
    async with open_socket(sandbox, client.kite.access_token) as dropped:
        await dropped.receive()
        assert await sandbox.fault("drop_socket") == 1
        with pytest.raises(ConnectionClosedError) as caught:
            await dropped.drain()
        assert caught.value.rcvd is None
    async with open_socket(sandbox, client.kite.access_token) as again:
        await again.send("subscribe", [INFY])
        assert await again.ticks()


@pytest.mark.parametrize(("kind", "status"), [("http_error", 503), ("html_502", 502), ("rate_limit", 429)])
async def test_an_upgrade_can_be_refused_too(
    sandbox: RunningSandbox, client: VendorClient, kind: str, status: int
) -> None:
    """The path `ticker` means upgrades, and REST goes on."""
    await sandbox.fault(kind, path="ticker", count=1)

    assert await client.call("profile")
    with pytest.raises(InvalidStatus) as caught:
        async with open_socket(sandbox, client.kite.access_token):
            pass
    assert caught.value.response.status_code == status
    async with open_socket(sandbox, client.kite.access_token) as sound:
        assert await sound.receive()


async def test_a_burst_sends_every_tick_in_order(sandbox: RunningSandbox, client: VendorClient) -> None:
    """So many ticks of each instrument, told apart by last_quantity; then the true price again."""
    async with open_socket(sandbox, client.kite.access_token) as reader:
        await reader.send("subscribe", [INFY, MANDM])
        await reader.ticks(2)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(control, sandbox, "POST", "faults", {"kind": "tick_burst", "count": 300})
            ticks = await reader.ticks(602)

    infy = [tick["last_traded_quantity"] for tick in ticks if tick["instrument_token"] == INFY]
    assert [quantity for quantity in infy if quantity != 7] + [7] == [*(n for n in range(1, 301) if n != 7), 7]
    assert [tick["last_price"] for tick in ticks if tick["instrument_token"] == MANDM][-1] == 3012.4


async def test_a_burst_can_be_of_one_instrument(sandbox: RunningSandbox, client: VendorClient) -> None:
    """And its answer says how many packets went out."""
    async with open_socket(sandbox, client.kite.access_token) as reader:
        await reader.send("subscribe", [INFY, MANDM])
        await reader.ticks(2)

        assert await sandbox.fault("tick_burst", count=5, instrument="NSE:INFY") == 5
        assert {tick["instrument_token"] for tick in await reader.ticks(5)} == {INFY}


async def test_a_price_can_fall_below_zero(sandbox: RunningSandbox, client: VendorClient) -> None:
    """Over REST and as a signed integer over the ticker, for one instrument or all."""
    await sandbox.fault("negative_price", instrument="MCX:CRUDEOIL26DECFUT")

    ltp = await client.call("ltp", "MCX:CRUDEOIL26DECFUT", "NSE:INFY")
    assert [row["last_price"] for row in ltp.values()] == [-5817.0, 1412.95]
    async with open_socket(sandbox, client.kite.access_token) as reader:
        await reader.send("subscribe", [CRUDE])
        packet = await reader.packets()
    assert int.from_bytes(packet[8:12], "big", signed=True) == -581_700


async def test_texts_and_raw_frames_can_be_pushed(sandbox: RunningSandbox, client: VendorClient) -> None:
    """An object as JSON, `raw` verbatim, `hex` as a binary frame; a bad body says what to send."""
    async with open_socket(sandbox, client.kite.access_token) as reader:
        await reader.receive()
        answer = await control(sandbox, "POST", "text", {"type": "order", "data": {"order_id": "1"}})
        assert answer.json()["data"]["sockets"] == 1
        assert await reader.text() == {"type": "order", "data": {"order_id": "1"}}
        await control(sandbox, "POST", "text", {"raw": "no json"})
        await control(sandbox, "POST", "text", {"hex": "0001ff"})
        received = {await reader.receive() for _ in range(8)}
        assert {"no json", b"\x00\x01\xff"} <= received
    bad: list[object] = [[], {"hex": "zz"}]
    for body in bad:
        assert (await control(sandbox, "POST", "text", body)).status_code == 400


BAD_FAULTS: list[tuple[object, str]] = [
    ({"kind": "meteor"}, "unknown kind 'meteor'"),
    ({}, "unknown kind 'None'"),
    ({"kind": []}, "unknown kind"),
    ([], "no JSON object"),
    ({"kind": "latency", "delay": 3}, "unknown field 'delay'"),
    ({"kind": "latency", "seconds": -1}, "seconds must be"),
    ({"kind": "latency", "seconds": True}, "seconds must be"),
    ({"kind": "latency", "seconds": "1"}, "seconds must be"),
    ({"kind": "garbage", "count": 0}, "count must be"),
    ({"kind": "garbage", "count": 1.5}, "count must be"),
    ({"kind": "http_error", "status": 200}, "status must be"),
    ({"kind": "garbage", "path": 5}, "path must be"),
    ({"kind": "tick_burst", "instrument": "NSE:NOSUCH"}, "'NSE:NOSUCH' is not listed"),
]


async def test_a_bad_fault_is_refused_by_name(sandbox: RunningSandbox) -> None:
    """400, what is wrong, and the kinds that exist."""
    for body, complaint in BAD_FAULTS:
        answer = await control(sandbox, "POST", "faults", body)
        assert answer.status_code == 400
        assert complaint in answer.json()["message"]
        assert "not listed" in complaint or all(kind in answer.json()["message"] for kind in KINDS)


async def test_faults_are_bounded(sandbox: RunningSandbox) -> None:
    """The hundred-first standing fault is refused; so is a body that is no JSON or too large."""
    for _ in range(100):
        await sandbox.fault("garbage", path="/nowhere")
    answer = await control(sandbox, "POST", "faults", {"kind": "garbage"})
    assert answer.status_code == 400
    assert "DELETE" in answer.json()["message"]
    async with plain_client(base_url=sandbox.url) as client:
        for content in (b"{", b" " * 1_100_000):
            assert (await client.post("/sandbox/faults", content=content)).status_code == 400


async def test_statistics_count_what_was_asked_and_sent(sandbox: RunningSandbox, client: VendorClient) -> None:
    """Requests by class, path and status, sockets, tokens, frames; control requests and a reset count nothing."""
    await client.call("ltp", "NSE:INFY")
    await client.call("historical_data", INFY, "2026-11-20", "2026-11-20", "day")
    async with open_socket(sandbox, client.kite.access_token) as reader:
        await reader.send("subscribe", [INFY, MANDM])
        await reader.ticks(2)
        stats = (await control(sandbox, "GET", "stats")).json()["data"]

    assert stats["requests"]["by_class"] == {"login": 1, "session": 1, "quote": 1, "historical": 1, "ticker": 1}
    assert stats["requests"]["by_path"]["/instruments/historical"] == 1
    assert stats["requests"]["by_status"]["200"] == 3
    assert (stats["open_sockets"], stats["subscribed_tokens"], stats["packets_sent"]) == (1, 2, 2)
    assert stats["sockets"][0]["subscribed"] == 2
    assert stats["frames_sent"] >= 2
    assert stats["sessions"] == 1
    await control(sandbox, "DELETE", "stats")
    assert (await control(sandbox, "GET", "stats")).json()["data"]["requests"]["by_class"] == {}


async def test_the_calendar_is_told(sandbox: RunningSandbox) -> None:
    """The service asks which calendar holds."""
    assert (await control(sandbox, "GET", "calendar")).json()["data"] == {"calendar": "always-open"}
