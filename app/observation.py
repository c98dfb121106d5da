"""What an operator asks of a running service: readiness checks and the gauges of the moment.

A Runtime comes in; checks for `/health/ready` and a ServiceState for `/metrics` go out. Called by `app.main`.
"""

from functools import partial

from app.domain.feeds import FeedState, FeedStatus
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
    """Kite's stream; that others stand in keeps prices coming, and is no reason not to log in."""
    first, *others = runtime.providers.providers()
    if first.state is FeedState.LIVE:
        return CheckResult("feed", ok=True)
    reason = first.message or first.state.value
    standing_in = " and ".join(other.name for other in others if other.state is FeedState.LIVE)
    if standing_in:
        reason = f"{reason}; {standing_in} stands in"
    return CheckResult("feed", ok=True, degraded=True, reason=reason)


def service_state(runtime: Runtime, *, connections: int, running_operations: int) -> ServiceState:
    """Everything that the gauges show, as it is now."""
    providers = runtime.providers.providers()
    master = runtime.instruments.status
    return ServiceState(
        connections=connections,
        running_operations=running_operations,
        packets=runtime.feed.packets,
        instruments=master.total,
        instruments_synced_at=master.synced_at,
        now=runtime.clock.now(),
        feeds={each.name: FeedStatus(each.state, each.since, each.message) for each in providers},
        streamed_instruments=runtime.feed.subscribed_instruments,
        session_authenticated=runtime.sessions.current().authenticated if runtime.sessions.configured else None,
        budgets=[budget for each in providers for budget in each.request_budgets],
        breakers={each.name: each.breakers for each in providers},
    )
