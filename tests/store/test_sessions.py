"""The Kite session and login states, on both databases."""

from collections.abc import AsyncIterator
from datetime import timedelta

import anyio
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from structlog.testing import capture_logs

from app.domain.feeds import KiteGrant
from app.domain.time import ist_datetime
from app.store.engine import Database, open_database
from app.store.sealing import Sealer
from app.store.sessions import SqlSessionStore
from tests.support.clock import MONDAY_MORNING, FixedClock

TOKEN = "access-token-of-today"


def grant(token: str = TOKEN, user_name: str | None = "Asha") -> KiteGrant:
    """A session until six tomorrow morning."""
    return KiteGrant(
        user_id="AB1234",
        user_name=user_name,
        access_token=token,
        login_time=MONDAY_MORNING,
        expires_at=ist_datetime(MONDAY_MORNING.date() + timedelta(days=1), 6),
    )


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database."""
    async with open_database(database_url) as opened:
        yield opened


@pytest.fixture
def sealer() -> Sealer:
    """A sealer with a key of its own."""
    return Sealer([Fernet.generate_key().decode()])


async def test_no_session_before_the_first_login(database: Database, sealer: Sealer):
    """A new database has no session, and ending none is no error."""
    store = SqlSessionStore(database, sealer, FixedClock())
    await store.end("logged out")
    assert await store.load() is None


@pytest.mark.parametrize("user_name", ["Asha", None])
async def test_a_session_survives_a_restart(database: Database, sealer: Sealer, user_name: str | None):
    """Another store over the same database and key loads the same grant, token and instants included."""
    await SqlSessionStore(database, sealer, FixedClock()).save(grant(user_name=user_name))
    assert await SqlSessionStore(database, sealer, FixedClock()).load() == grant(user_name=user_name)


async def test_a_new_login_replaces_the_session(database: Database, sealer: Sealer):
    """The newest holds; of the one before only that it was replaced is left."""
    store = SqlSessionStore(database, sealer, FixedClock())
    await store.save(grant("yesterday"))
    await store.save(grant())
    assert await store.load() == grant()
    async with database.begin() as connection:
        rows = await connection.execute(text("SELECT sealed_token IS NULL, ended_reason FROM kite_session ORDER BY id"))
    assert [tuple(row) for row in rows] == [(True, "replaced"), (False, None)]


async def test_an_ended_session_is_remembered_without_its_token(database: Database, sealer: Sealer):
    """When and why stay; the token does not."""
    store = SqlSessionStore(database, sealer, FixedClock())
    await store.save(grant())
    await store.end("logged out")
    assert await store.load() is None
    async with database.begin() as connection:
        found = await connection.execute(text("SELECT sealed_token, ended_reason, ended_at FROM kite_session"))
    token, reason, ended_at = found.one()
    assert (token, reason) == (None, "logged out")
    assert "2026-11-23" in str(ended_at)


async def test_the_token_stands_nowhere_in_the_clear(database: Database, sealer: Sealer):
    """Whoever reads the table does not read the token."""
    await SqlSessionStore(database, sealer, FixedClock()).save(grant())
    async with database.begin() as connection:
        rows = (await connection.execute(text("SELECT * FROM kite_session"))).all()
    assert len(rows) == 1
    assert TOKEN not in repr(rows)


async def test_a_session_of_another_key_is_none_and_a_warning(database: Database, sealer: Sealer):
    """A lost key costs a login, not the service; the log tells it without a secret."""
    await SqlSessionStore(database, sealer, FixedClock()).save(grant())
    other = Sealer([Fernet.generate_key().decode()])
    with capture_logs() as logs:
        assert await SqlSessionStore(database, other, FixedClock()).load() is None
    assert [(entry["log_level"], entry["event"]) for entry in logs] == [("warning", "kite_session_cannot_be_unsealed")]
    assert TOKEN not in repr(logs)


async def test_a_login_state_can_be_used_once(database_url: str, sealer: Sealer):
    """Of twenty uses at once, from two processes' databases, exactly one is the first."""
    clock = FixedClock()
    outcomes: list[bool] = []
    async with open_database(database_url) as one, open_database(database_url) as other:
        stores = [SqlSessionStore(database, sealer, clock) for database in (one, other)]

        async def use(store: SqlSessionStore) -> None:
            outcomes.append(await store.use_login_state("nonce", clock.now() + timedelta(minutes=10)))

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(use, stores[number % 2])
    assert sorted(outcomes) == [False] * 19 + [True]


async def test_login_states_are_forgotten_when_they_expire(database: Database, sealer: Sealer):
    """The table holds no more than the logins of the last minutes."""
    clock = FixedClock()
    store = SqlSessionStore(database, sealer, clock)
    for number in range(5):
        assert await store.use_login_state(f"nonce-{number}", clock.now() + timedelta(minutes=10))
        clock.advance(300)
    async with database.begin() as connection:
        left = await connection.execute(text("SELECT nonce FROM used_login_state ORDER BY nonce"))
    assert left.scalars().all() == ["nonce-2", "nonce-3", "nonce-4"]
