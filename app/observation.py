"""What an operator asks of a running service: readiness checks and the gauges of the moment.

A Runtime comes in; checks for `/health/ready` and a ServiceState for `/metrics` go out. Called by `app.main`.
"""

from functools import partial

from app.domain.feeds import FeedState
from app.http.health import Check, CheckResult
from app.metrics import ServiceState
from app.parts import Runtime
from app.store.migrate import is_migrated


def readiness_checks(runtime: Runtime) -> list[Check]:
    """Database, migrations, instruments, feed: what must be there, and what the service can do without for a while."""
    checks = (_database, _migrations, _instruments, _feed)
    return [Check(check.__name__.removeprefix("_"), partial(check, runtime)) for check in checks]


async def _database(runtime: Runtime) -> CheckResult:
    if await runtime.database.answers():
        return CheckResult("database", ok=True)
    reason = "the database does not answer: prices go on, logins and syncs are lost at a restart"
    return CheckResult("database", ok=True, degraded=True, reason=reason)


async def _migrations(runtime: Runtime) -> CheckResult:
    if not await runtime.database.answers():
        return CheckResult("migrations", ok=True, degraded=True, reason="the database cannot be asked")
    if await is_migrated(runtime.database):
        return CheckResult("migrations", ok=True)
    return CheckResult("migrations", ok=False, reason="run: kite-services migrate")


async def _instruments(runtime: Runtime) -> CheckResult:
    status = runtime.instruments.status
    if not status.total:
        reason = status.last_error or "the first sync of the instrument master is under way"
        return CheckResult("instruments", ok=False, reason=reason)
    late = "this morning's instrument master has not come yet; the last one is in use" if status.stale else None
    return CheckResult("instruments", ok=True, degraded=status.stale, reason=status.last_error or late)


async def _feed(runtime: Runtime) -> CheckResult:
    provider = runtime.providers.providers()[0]
    is_live = provider.state is FeedState.LIVE
    reason = None if is_live else provider.message or provider.state.value
    return CheckResult("feed", ok=True, degraded=not is_live, reason=reason)


def service_state(runtime: Runtime, *, connections: int, running_operations: int) -> ServiceState:
    """Everything that the gauges show, as it is now."""
    provider = runtime.providers.providers()[0]
    master = runtime.instruments.status
    return ServiceState(
        connections=connections,
        running_operations=running_operations,
        packets=runtime.feed.packets,
        instruments=master.total,
        instruments_synced_at=master.synced_at,
        now=runtime.clock.now(),
        feeds={provider.source: runtime.feed.status},
        streamed_instruments=runtime.feed.subscribed_instruments,
        session_authenticated=runtime.sessions.current().authenticated if runtime.sessions.configured else None,
        budgets=provider.request_budgets,
    )
