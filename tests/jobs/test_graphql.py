"""Jobs over GraphQL, in front of the sandbox."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import orjson
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.support.service import RunningService, free_port, running_pair, running_service, sandbox_for

FIELDS = "{ id kind state done total unit createdAt startedAt finishedAt message }"
BACKFILL = f"""mutation ($ids: [ID!]!, $from: DateTime!, $interval: Interval! = DAY) {{
  backfillCandles(ids: $ids, interval: $interval, from: $from) {FIELDS} }}"""
CANCEL = f"mutation ($id: ID!) {{ cancelJob(id: $id) {FIELDS} }}"
JOB = f"query ($id: ID!) {{ job(id: $id) {FIELDS} jobs {FIELDS} }}"
FOLLOW = f"subscription ($id: ID!) {{ job(id: $id) {FIELDS} }}"
ELEVEN_YEARS = "2015-06-01T00:00:00+05:30"
Message = dict[str, Any]
WAIT_SECONDS = 20


async def follow(socket_url: str, job_id: str, until: Callable[[Message], bool] = lambda _: False) -> list[Message]:
    """The payloads of the subscription, until the server completes it or a job is as the test wants it."""
    seen: list[Message] = []
    async with connect(socket_url, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None) as ws:
        await ws.send(orjson.dumps({"type": "connection_init"}).decode())
        await ws.recv()
        payload = {"query": FOLLOW, "variables": {"id": job_id}}
        await ws.send(orjson.dumps({"id": "1", "type": "subscribe", "payload": payload}).decode())
        with anyio.fail_after(WAIT_SECONDS):
            while (body := orjson.loads(await ws.recv()))["type"] != "complete":
                seen.append(body["payload"])
                if body["type"] == "error" or until(body["payload"]["data"]["job"]):
                    break
    return seen


async def backfill(service: RunningService, ids: list[str], **more: Any) -> Message:
    """The answer to a backfill of eleven years, or of what is said."""
    return await service.ask(BACKFILL, **({"ids": ids, "from": ELEVEN_YEARS} | more))


async def ended(socket_url: str, job_id: str) -> list[dict[str, Any]]:
    """Every state that a follower sees."""
    return [payload["data"]["job"] for payload in await follow(socket_url, job_id)]


async def test_a_backfill_is_followed_to_its_end_and_costs_each_request_once(tmp_path: Path) -> None:
    """Three requests a stock for 11 years of days; then queries are warm, and the same job again has nothing to do."""
    ids = ["NSE:INFY", "NSE:TCS"]
    async with running_pair(tmp_path, sandbox={"rate_limits": None}) as (service, sandbox):
        asked = (await backfill(service, [*ids, ids[0]]))["data"]["backfillCandles"]
        assert (asked["kind"], asked["unit"], asked["finishedAt"]) == ("CANDLE_BACKFILL", "requests", None)
        seen = await ended(service.socket_url, asked["id"])
        assert [job["done"] for job in seen] == sorted(job["done"] for job in seen)
        last = seen[-1]
        assert (last["state"], last["done"], last["total"]) == ("SUCCEEDED", 6, 6)
        assert last["message"].startswith("DAY bars of 2 instruments are stored, 2015-06-01 00:00 to ")
        assert sandbox.count("historical") == 6
        found = (await service.ask(JOB, id=asked["id"]))["data"]
        assert found == {"job": last, "jobs": [last]}
        candles = (
            '{ candles(id: "NSE:TCS", interval: DAY, from: "2016-01-01T00:00:00+05:30", to: "2016-02-01T00:00:00Z")'
        )
        answer = await service.ask(candles + " { count upstreamCalls } }")
        assert answer["data"]["candles"]["upstreamCalls"] == 0
        again = (await backfill(service, ids))["data"]["backfillCandles"]
        assert (await ended(service.socket_url, again["id"]))[-1]["total"] == 0
        assert sandbox.count("historical") == 6


async def test_a_backfill_goes_on_after_a_restart(tmp_path: Path) -> None:
    """In the new process, where the old one was: no request twice, and the figures count both.

    But for one that was under way when the old one stopped: it is stored or sent again, and in neither case counted.
    """
    port = free_port()
    async with sandbox_for(port) as sandbox:
        async with running_service(sandbox, tmp_path, port=port) as service:
            ids = ["NSE:INFY", "NSE:TCS"]
            asked = (await backfill(service, ids))["data"]["backfillCandles"]
            await follow(service.socket_url, asked["id"], lambda job: job["done"] >= 2)
        async with running_service(sandbox, tmp_path, port=port) as again:
            last = (await ended(again.socket_url, asked["id"]))[-1]
        assert (last["state"], last["done"]) == ("SUCCEEDED", last["total"])
        refused = sandbox.parts.traffic.by_status[429]
        answered = sandbox.count("historical") - refused
        assert (last["total"], answered) in {(6, 6), (5, 6), (6, 7)}
        assert refused <= 1, "the new process cannot know what the old one spent of the same second"


async def test_a_job_waits_for_a_login_and_then_goes_on(tmp_path: Path) -> None:
    """It says where to log in; it does not fail."""
    async with running_pair(tmp_path, login=False) as (service, _sandbox):
        asked = (await backfill(service, ["NSE:INFY"]))["data"]["backfillCandles"]
        seen = await follow(service.socket_url, asked["id"], lambda job: "LOGIN_REQUIRED" in (job["message"] or ""))
        waiting = seen[-1]["data"]["job"]
        assert waiting["state"] == "RUNNING"
        assert f"open {service.url}/auth/kite/login" in waiting["message"]
        await service.log_in()
        last = (await ended(service.socket_url, asked["id"]))[-1]
        assert (last["state"], last["done"]) == ("SUCCEEDED", 3)


async def test_a_job_is_cancelled(tmp_path: Path) -> None:
    """The answer has its last state; a second time it is an error."""
    async with running_pair(tmp_path) as (service, _sandbox):
        ids = ["NSE:INFY", "NSE:TCS", "NSE:ITC"]
        asked = await backfill(service, ids, interval="MINUTE_30")
        job_id = asked["data"]["backfillCandles"]["id"]
        await follow(service.socket_url, job_id, lambda job: job["done"] > 0)
        cancelled = (await service.ask(CANCEL, id=job_id))["data"]["cancelJob"]
        assert cancelled["state"] == "CANCELLED"
        assert 0 < cancelled["done"] < cancelled["total"]
        assert await ended(service.socket_url, job_id) == [cancelled]
        (error,) = (await service.ask(CANCEL, id=job_id))["errors"]
        assert (error["extensions"]["code"], "it is CANCELLED" in error["message"]) == ("INVALID_INPUT", True)


async def test_a_sync_is_a_job(tmp_path: Path) -> None:
    """Counted in instruments; its message says what changed."""
    async with running_pair(tmp_path) as (service, sandbox):
        before = sandbox.count("instruments")
        asked = (await service.ask(f"mutation {{ syncInstruments {FIELDS} }}"))["data"]["syncInstruments"]
        assert (asked["kind"], asked["unit"]) == ("INSTRUMENT_SYNC", "instruments")
        last = (await ended(service.socket_url, asked["id"]))[-1]
        assert (last["state"], last["message"]) == ("SUCCEEDED", "0 added, 0 changed, 0 gone")
        assert last["done"] == last["total"] > 1000
        assert sandbox.count("instruments") == before + 1


async def test_nonsense_is_an_error_and_no_job(tmp_path: Path) -> None:
    """Each with its code and its remedy, before anything is queued."""
    wrong: list[tuple[dict[str, Any], str, str]] = [
        ({"ids": [], "from": ELEVEN_YEARS}, "INVALID_INPUT", "`ids` is empty"),
        ({"ids": ["NSE:INFY"] * 501, "from": ELEVEN_YEARS}, "INVALID_INPUT", "at most 500"),
        ({"ids": ["NSE:INFY", "NSE:INFI"], "from": ELEVEN_YEARS}, "UNKNOWN_INSTRUMENT", "did you mean NSE:INFY"),
        ({"ids": ["NSE:INFY"], "from": "2999-01-01T00:00:00Z"}, "INVALID_RANGE", "in the future"),
        ({"ids": ["NSE:INFY"], "from": "1990-01-01T00:00:00Z"}, "INVALID_RANGE", "beyond the source's reach"),
    ]
    async with running_pair(tmp_path, login=False) as (service, _sandbox):
        for variables, code, text in wrong:
            (error,) = (await service.ask(BACKFILL, **variables))["errors"]
            assert (error["extensions"]["code"], text in error["message"]) == (code, True), error
        answer = await service.ask('{ job(id: "nope") { id } jobs(first: 5) { id } }')
        assert answer["data"] == {"job": None, "jobs": []}
        (error,) = (await service.ask("{ jobs(first: 101) { id } }"))["errors"]
        assert error["extensions"]["code"] == "INVALID_INPUT"
        (payload,) = await follow(service.socket_url, "nope")
        assert "there is no job 'nope'" in str(payload)


async def test_jobs_are_for_admins_to_make_and_for_all_to_see(tmp_path: Path) -> None:
    """Each mutation of jobs is refused without the token."""
    admin = {"authorization": "Bearer admin-token"}
    async with running_pair(tmp_path, login=False, admin_token="admin-token") as (service, _sandbox):
        for mutation in (
            f'mutation {{ backfillCandles(ids: ["NSE:INFY"], interval: DAY, from: "{ELEVEN_YEARS}") {{ id }} }}',
            "mutation { syncInstruments { id } }",
            'mutation { cancelJob(id: "nope") { id } }',
        ):
            (error,) = (await service.ask(mutation))["errors"]
            assert error["extensions"]["code"] == "FORBIDDEN"
        made = await service.ask("mutation { syncInstruments { id } }", headers=admin)
        seen = await service.ask("{ jobs { id } }")
        assert seen["data"]["jobs"] == [made["data"]["syncInstruments"]]
