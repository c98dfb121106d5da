"""Health as a load balancer sees it."""

from typing import Any

import anyio
import httpx
import pytest
import structlog
from starlette.applications import Starlette

from app.http.health import Check, CheckResult, check_readiness, health_routes
from tests.support.patience import PATIENCE


def check(name: str, **result: Any) -> Check:
    async def run() -> CheckResult:
        return CheckResult(name, **{"ok": True, **result})

    return Check(name, run)


async def hang() -> CheckResult:
    await anyio.sleep_forever()
    raise AssertionError


async def fail() -> CheckResult:
    msg = "password=hunter2"
    raise RuntimeError(msg)


async def get(path: str, *checks: Check) -> httpx.Response:
    app = Starlette(routes=[*health_routes(checks, timeout=0.05)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        return await client.get(path)


async def test_live_asks_nobody() -> None:
    """The loop runs: that is all it says, whatever the checks would find."""
    answer = await get("/health/live", Check("database", hang))
    assert (answer.status_code, answer.json()) == (200, {"status": "live"})


@pytest.mark.parametrize(
    ("checks", "code", "status"),
    [
        ([check("database"), check("feed")], 200, "ready"),
        ([check("database"), check("feed", degraded=True, reason="log in")], 200, "degraded"),
        ([check("database", ok=False, reason="down"), check("feed", degraded=True)], 503, "unavailable"),
        ([], 200, "ready"),
    ],
    ids=["ready", "degraded", "unavailable", "nothing to check"],
)
async def test_ready_is_the_sum_of_its_checks(checks: list[Check], code: int, status: str) -> None:
    """503 only where no request can succeed: a service that waits for a login still answers."""
    answer = await get("/health/ready", *checks)
    assert (answer.status_code, answer.json()["status"]) == (code, status)
    assert answer.headers["cache-control"] == "no-store"


async def test_each_check_gives_its_reason() -> None:
    """In the order of the checks."""
    answer = await get("/health/ready", check("database"), check("feed", degraded=True, reason="log in at /auth"))
    assert list(answer.json()["checks"].items()) == [
        ("database", {"ok": True, "degraded": False, "reason": None}),
        ("feed", {"ok": True, "degraded": True, "reason": "log in at /auth"}),
    ]


async def test_a_check_that_hangs_is_given_up() -> None:
    """The answer comes within the check's timeout, and names the check."""
    with anyio.fail_after(PATIENCE):
        answer = await get("/health/ready", Check("database", hang), Check("migrations", hang))
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"]["reason"] == "no answer within 0.05 s"


async def test_a_check_that_raises_fails_without_its_words() -> None:
    """The message may hold anything, so it goes to the log alone."""
    with structlog.testing.capture_logs() as logs:
        answer = await get("/health/ready", Check("database", fail), check("feed"))
    assert answer.json()["status"] == "unavailable"
    assert "hunter2" not in answer.text
    assert logs[0]["check"] == "database"


async def test_cancelling_the_request_is_not_swallowed() -> None:
    """A client that leaves ends its checks."""
    with anyio.move_on_after(0.02) as scope:
        await check_readiness([Check("database", hang)], timeout=10)
    assert scope.cancelled_caught
