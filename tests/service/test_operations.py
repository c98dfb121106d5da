"""What an operator sees and relies on: readiness, numbers, request ids, and a stop that loses nothing."""

import io
from pathlib import Path
from typing import Any

import anyio
import httpx
import orjson
from anyio import to_thread
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed

from tests.service.logs import process_log
from tests.service.sockets import Stream, opened, subscribed
from tests.service.symbols import traded
from tests.service.test_batching import QUOTES, until_streamed
from tests.service.test_live import LIVE
from tests.support.databases import PostgresqlForTests
from tests.support.patience import PATIENCE
from tests.support.sandbox import ShiftableClock
from tests.support.service import RunningService, free_port, running_pair, running_service, sandbox_for

STOP_SECONDS = 10.0
"""What an orchestrator waits before it kills."""


async def health(service: RunningService) -> tuple[int, str, dict[str, dict[str, Any]]]:
    """Status code, status and checks of /health/ready."""
    answer = await service.client.get("/health/ready")
    body = answer.json()
    return answer.status_code, body["status"], body["checks"]


async def test_ready_says_what_is_missing(tmp_path: Path) -> None:
    """Without a master unavailable, without a login degraded, each with its reason; then ready. Always live."""
    port = free_port()
    async with sandbox_for(port) as sandbox:
        await sandbox.fault("http_error", path="/instruments", status=503)
        async with running_service(sandbox, tmp_path / "a", port=port, ready=False) as service:
            with anyio.fail_after(PATIENCE):
                while not sandbox.count("instruments"):  # noqa: ASYNC110 - seen from outside
                    await anyio.sleep(0.02)
            await service.until("unavailable", "instruments")
            code, status, checks = await health(service)
            assert (code, status) == (503, "unavailable")
            assert checks["instruments"]["reason"]
            assert checks["database"] == checks["migrations"] == {"ok": True, "degraded": False, "reason": None}
            assert (await service.client.get("/health/live")).json() == {"status": "live"}
            answer = await service.ask('{ quote(id: "NSE:INFY") { lastPrice } }')
            assert "the instrument master has not been loaded" in answer["errors"][0]["message"]
        sandbox.heal()

        async with running_service(sandbox, tmp_path / "b", port=port, login=False) as service:
            await service.until("degraded")
            code, _, checks = await health(service)
            assert code == 200, "it still answers what needs no login"
            assert checks["feed"] == {
                "ok": True, "degraded": True, "reason": "nobody is logged in to Kite; open loginUrl",
            }  # fmt: skip
            await service.log_in()
            await service.until("ready")
            code, _, checks = await health(service)
            assert code == 200
            assert all(check == {"ok": True, "degraded": False, "reason": None} for check in checks.values())


async def test_failed_sync_keeps_yesterdays_master_and_says_so(tmp_path: Path) -> None:
    """The next morning Kite's master cannot be had: ids are still known, and readiness has the reason."""
    port, clock = free_port(), ShiftableClock()
    async with sandbox_for(port) as sandbox:
        async with running_service(sandbox, tmp_path, port=port, login=False):
            pass
        await sandbox.fault("html_502", path="/instruments")
        clock.shift(days=1)
        async with running_service(sandbox, tmp_path, port=port, ready=False, clock=clock) as service:
            await service.until("degraded", "instruments")
            with anyio.fail_after(PATIENCE):
                while (reason := (await health(service))[2]["instruments"]["reason"]).startswith("this morning"):  # noqa: ASYNC110
                    await anyio.sleep(0.02)
            assert "SANDBOX" in reason or "502" in reason
            assert (await service.ask('{ instrument(id: "NSE:INFY") { symbol } }'))["data"]["instrument"]
            numbers = await metrics(service)
            assert numbers["kite_services_instruments", ()] > 2_000
            assert numbers["kite_services_instruments_age_seconds", ()] > 80_000


async def metrics(service: RunningService) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample of /metrics by its name and its labels' values in alphabetical order."""
    answer = await service.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_metrics_tell_what_happened(tmp_path: Path) -> None:
    """Each promised series is there, with the numbers of this run."""
    async with running_pair(tmp_path) as (service, sandbox):
        ids = traded(sandbox, 20)
        await service.ask(QUOTES, ids=ids)
        await until_streamed(service, ids)
        await service.ask("{ nonsense }")
        async with subscribed(service, LIVE, ids=ids[:2]) as stream:
            await stream.data()
            await stream.data()
            seen = await metrics(service)

    promised = {
        ("kite_services_upstream_calls_total", ("ok", "quote")): 1,
        ("kite_services_upstream_calls_total", ("instruments", "ok")): 1,
        ("kite_services_upstream_calls_total", ("ok", "session")): 1,
        ("kite_services_upstream_seconds_count", ("quote",)): 1,
        ("kite_services_operations_total", ("GRAPHQL_VALIDATION_FAILED", "http", "unknown")): 1,
        ("kite_services_websocket_connections", ()): 1,
        ("kite_services_running_operations", ()): 1,
        ("kite_services_instruments", ()): len(sandbox.parts.control._prices._market.listed),
        ("kite_services_streamed_instruments", ()): 20,
        ("kite_services_session_authenticated", ()): 1,
        ("kite_services_feed_state", ("KITE", "LIVE")): 1,
        ("kite_services_feed_state", ("DOWN", "KITE")): 0,
        ("kite_services_request_budget_waiting", ("quote",)): 0,
    }
    assert {key: seen.get(key) for key in promised} == promised
    assert seen["kite_services_operations_total", ("http", "ok", "query")] >= 3
    assert seen["kite_services_operation_seconds_count", ("http", "query")] >= 3
    assert seen["kite_services_quotes_total", ("STREAM",)] >= 20
    assert seen["kite_services_ticks_received_total", ()] > 20
    assert 0 <= seen["kite_services_instruments_age_seconds", ()] < 60
    assert 0 <= seen["kite_services_request_budget_available", ("quote",)] <= 1
    assert any(name == "process_resident_memory_bytes" for name, _ in seen)


async def test_both_sources_are_in_the_metrics_and_in_the_readiness(tmp_path: Path) -> None:
    """Streams, budgets and circuits by source; Kite's missing login stays told while Yahoo stands in."""
    async with running_pair(tmp_path, login=False, yahoo=True) as (service, sandbox):
        await sandbox.fault("http_error", path="/v7/finance/quote", status=502)
        for instrument_id in traded(sandbox, 3):
            await service.ask("query($id: ID!) { quote(id: $id) { lastPrice } }", id=instrument_id)
        with anyio.fail_after(PATIENCE):
            while "stands in" not in (reason := (await feed_check(service))["reason"]):  # noqa: ASYNC110 - seen from outside
                await anyio.sleep(0.02)
            seen = await metrics(service)
    assert seen["kite_services_feed_state", ("KITE", "LOGIN_REQUIRED")] == 1
    assert seen["kite_services_feed_state", ("LIVE", "YAHOO")] == 1
    assert seen["kite_services_breaker_open", ("YAHOO", "quotes")] == 1
    assert seen["kite_services_breaker_half_open", ("YAHOO", "quotes")] == 0
    assert seen["kite_services_breaker_open", ("KITE", "quotes")] == 0
    for endpoint in ("quote", "historical", "yahoo_quote", "yahoo_chart", "yahoo_summary"):
        assert ("kite_services_request_budget_available", (endpoint,)) in seen
    assert reason.endswith("; YAHOO stands in")
    assert "log" in reason


async def feed_check(service: RunningService) -> dict[str, Any]:
    """What /health/ready says of the feed."""
    found: dict[str, Any] = (await service.client.get("/health/ready")).json()["checks"]["feed"]
    return found


async def test_request_id_is_one_from_header_to_log(tmp_path: Path) -> None:
    """The caller's own, or one of ours; on a socket that of its upgrade."""
    with process_log() as log:
        async with running_pair(tmp_path, login=False) as (service, _):
            for headers in ({"x-request-id": "page-42.a"}, {}, {"x-request-id": "<script>"}):
                query = f"query Asked{log.tell()} {{ server {{ version }} }}"
                answer = await service.client.post("/graphql", json={"query": query}, headers=headers)
                given = answer.headers["x-request-id"]
                assert answer.headers.get_list("x-request-id") == [given]
                assert given == "page-42.a" or len(given) == 16
                assert [line["request_id"] for line in operations(log, query.split()[1])] == [given]

            async with opened(service, additional_headers={"x-request-id": "socket-7"}) as stream:
                assert stream.ws.response is not None
                assert stream.ws.response.headers["x-request-id"] == "socket-7"
                for name in ("First", "Second"):
                    payload = {"query": f"query {name} {{ server {{ version }} }}"}
                    await stream.send("subscribe", id=name, payload=payload)
                    await stream.result()
                    await stream.message()
            (first,), (second,) = operations(log, "First"), operations(log, "Second")
            assert first["request_id"] == second["request_id"] == "socket-7"
            assert first["operation_id"] != second["operation_id"]


def operations(log: io.StringIO, name: str) -> list[dict[str, Any]]:
    """The lines of the operations with this name."""
    lines = [orjson.loads(line) for line in log.getvalue().splitlines()]
    return [line for line in lines if line["event"] == "operation" and line["name"] == name]


async def test_stop_completes_what_runs_and_sends_subscribers_elsewhere(tmp_path: Path) -> None:
    """A subscription is closed with 1012, a query that waits for Kite gets its answer, and all of it soon."""
    async with running_pair(tmp_path, sandbox={"rate_limits": None}) as (service, sandbox):
        answers: list[httpx.Response] = []
        async with subscribed(service, LIVE, ids=traded(sandbox, 3)) as stream, anyio.create_task_group() as tasks:
            await stream.data()
            await sandbox.fault("latency", path="/quote", seconds=2.0)
            tasks.start_soon(ask_into, answers, service, traded(sandbox, 5, skip=100))
            began = await stop(service, running=2)
            assert await close_code(stream) == 1012
            assert answers == [], "without waiting for the query"
    assert anyio.current_time() - began < STOP_SECONDS
    assert len(answers[0].json()["data"]["quotes"]) == 5
    assert "errors" not in answers[0].json()


async def test_stop_does_not_wait_for_a_source_that_hangs(tmp_path: Path) -> None:
    """Kite takes half a minute for an answer: the caller is told that we stop, and the process ends in time."""
    port = free_port()
    answers: list[httpx.Response] = []
    with process_log() as log:
        async with sandbox_for(port) as sandbox, anyio.create_task_group() as tasks:
            async with running_service(sandbox, tmp_path, port=port) as service:
                await sandbox.fault("latency", path="/quote", seconds=30.0)
                tasks.start_soon(ask_into, answers, service, traded(sandbox, 5))
                began = await stop(service, running=1)
                with anyio.fail_after(STOP_SECONDS):
                    while not answers:  # noqa: ASYNC110 - the client of the harness is closed with the service
                        await anyio.sleep(0.05)
            assert anyio.current_time() - began < STOP_SECONDS
            logged = log.getvalue()  # what follows is the sandbox's own end
    assert answers[0].status_code == 503
    assert answers[0].json()["errors"][0]["extensions"]["code"] == "SERVICE_STOPPING"
    assert "Traceback" not in logged


async def ask_into(answers: list[httpx.Response], service: RunningService, ids: list[str]) -> None:
    """Keep the answer to a question for quotes."""
    body = {"query": QUOTES, "variables": {"ids": ids}}
    answers.append(await service.client.post("/graphql", json=body))


async def stop(service: RunningService, *, running: int) -> float:
    """As SIGTERM does, once so many operations run; when it was."""
    with anyio.fail_after(PATIENCE):
        while (await metrics(service))["kite_services_running_operations", ()] < running:  # noqa: ASYNC110 - seen from outside
            await anyio.sleep(0.02)
    service.server.should_exit = True
    return anyio.current_time()


async def close_code(stream: Stream) -> int | None:
    """Why the server closed the socket."""
    try:
        while True:
            await stream.message()
    except ConnectionClosed as closed:
        return None if closed.rcvd is None else closed.rcvd.code


async def test_database_that_is_gone_degrades_and_prices_go_on(tmp_path: Path, postgresql: PostgresqlForTests) -> None:
    """Only what lasts is lost, and readiness says so."""
    url = await to_thread.run_sync(postgresql.migrated)
    async with running_pair(tmp_path, sandbox={"rate_limits": None}, database_url=url) as (service, _):
        await to_thread.run_sync(postgresql.drop, url)
        await service.until("degraded", "database")
        code, status, checks = await health(service)
        assert (code, status) == (200, "degraded")
        assert "prices go on" in checks["database"]["reason"]
        answer = await service.ask('{ quote(id: "NSE:INFY") { lastPrice } }')
        assert answer["data"]["quote"]["lastPrice"] > 0
