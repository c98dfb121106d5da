"""`/health/live` and `/health/ready`: whether the process runs, and whether it is worth sending requests to.

Checks come in as functions that `app.runtime` builds from its parts; JSON goes out, for load balancers,
`kite-services doctor` and the container's health check. A check that hangs or raises counts as failed.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass

import anyio
import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

CHECK_SECONDS = 2.0
"""A load balancer asks every few seconds and gives up after about five; all checks run side by side."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found."""

    name: str
    ok: bool
    """False: the service cannot do its work."""
    degraded: bool = False
    """True, while ok: it works with less than everything."""
    reason: str | None = None
    """What is wrong and what a person can do, when not all is well."""


@dataclass(frozen=True, slots=True)
class Check:
    """A check by name; the name stands in the answer even if the check never comes back."""

    name: str
    run: Callable[[], Awaitable[CheckResult]]


@dataclass(frozen=True, slots=True)
class Readiness:
    """The sum of all checks: unavailable if one is not ok, else degraded if one is, else ready."""

    checks: tuple[CheckResult, ...]

    @property
    def status(self) -> str:
        """ready, degraded or unavailable."""
        if not all(check.ok for check in self.checks):
            return "unavailable"
        return "degraded" if any(check.degraded for check in self.checks) else "ready"

    @property
    def http_status(self) -> int:
        """503 only where no request can succeed; a service that waits for a login still answers."""
        return 503 if self.status == "unavailable" else 200


async def check_readiness(checks: Sequence[Check], *, timeout: float = CHECK_SECONDS) -> Readiness:  # noqa: ASYNC109 # each check has its own
    """Run all checks at once, each within `timeout` seconds. Results stand in the order of the checks."""
    results: dict[str, CheckResult] = {}

    async def run(check: Check) -> None:
        results[check.name] = await _guarded(check, timeout)

    async with anyio.create_task_group() as group:
        for check in checks:
            group.start_soon(run, check)
    return Readiness(tuple(results[check.name] for check in checks))


def health_routes(checks: Sequence[Check], *, timeout: float = CHECK_SECONDS) -> list[Route]:
    """The two routes."""

    async def live(_request: Request) -> JSONResponse:
        return JSONResponse({"status": "live"}, headers={"cache-control": "no-store"})

    async def ready(_request: Request) -> JSONResponse:
        readiness = await check_readiness(checks, timeout=timeout)
        body = {
            "status": readiness.status,
            "checks": {
                check.name: {key: value for key, value in asdict(check).items() if key != "name"}
                for check in readiness.checks
            },
        }
        return JSONResponse(body, status_code=readiness.http_status, headers={"cache-control": "no-store"})

    return [
        Route("/health/live", live, methods=["GET"], name="health-live"),
        Route("/health/ready", ready, methods=["GET"], name="health-ready"),
    ]


async def _guarded(check: Check, timeout: float) -> CheckResult:  # noqa: ASYNC109 # as above
    try:
        with anyio.fail_after(timeout):
            return await check.run()
    except TimeoutError:
        return CheckResult(check.name, ok=False, reason=f"no answer within {timeout:g} s")
    except Exception:  # a health answer must come whatever a check does; the log has the traceback
        log.exception("health check failed", check=check.name)
        return CheckResult(check.name, ok=False, reason="the check itself failed; see the log")
