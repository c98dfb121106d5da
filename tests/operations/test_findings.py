"""What the doctor finds, and what it advises."""

from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from app.commands.doctor import findings_table
from app.commands.findings import Finding, Level, examine, look_at_yahoo
from app.redaction import Redactor, Secrets
from app.settings import Settings
from app.store.sealing import KEY_FILE
from tests.support.clock import FixedClock
from tests.support.ports import silent_port
from tests.support.sandbox import running_sandbox


def found(settings: Settings, clock: FixedClock | None = None) -> dict[str, Finding]:
    return {finding.subject: finding for finding in anyio.run(examine, settings, clock or FixedClock())}


def settings(folder: Path, port: int, **values: object) -> Settings:
    return Settings.model_validate({"data_dir": folder, "service_port": port, "yahoo_api_url": "", **values})


def test_a_fresh_folder_is_fine_and_stays_untouched(tmp_path: Path, free_port: int) -> None:
    """Everything will be made at the first start; looking makes nothing."""
    findings = found(settings(tmp_path / "new", free_port))
    assert findings["source"].level is Level.WARN
    assert "DISABLED" in findings["source"].text
    assert {findings[name].level for name in ("data", "key", "database", "port", "calendar")} == {Level.OK}
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_used_fails_with_a_remedy(tmp_path: Path, free_port: int) -> None:
    """A folder below a file, a calendar that is none, a key without its secret, a Kite that nobody reaches."""
    blocker = tmp_path / "file"
    blocker.touch()
    with silent_port() as port:
        findings = found(
            settings(
                blocker / "data",
                free_port,
                kite_api_key="key",
                kite_api_url=f"http://127.0.0.1:{port}",
                calendar=str(blocker),
            )
        )
    for subject in ("source", "data", "Kite", "calendar"):
        assert findings[subject].level is Level.FAIL, subject
        assert findings[subject].remedy, subject


SANDBOX = {
    "kite_api_key": "key",
    "kite_api_secret": "secret",
    "kite_api_url": "http://127.0.0.1:1",
    "kite_ticker_url": "ws://127.0.0.1:1",
}
YAHOO = {"yahoo_api_url": "http://127.0.0.1:1", "yahoo_stream_url": "ws://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("values", "level", "text"),
    [
        ({}, Level.OK, "DISABLED, YAHOO_API_URL is empty"),
        (SANDBOX | YAHOO, Level.WARN, "SANDBOX, http://127.0.0.1:1: ConnectError"),
        (YAHOO, Level.FAIL, "SANDBOX, http://127.0.0.1:1: ConnectError"),
    ],
    ids=["none", "beside Kite", "alone"],
)
def test_a_yahoo_that_nobody_reaches_is_worse_alone(
    tmp_path: Path, free_port: int, values: dict[str, object], level: Level, text: str
) -> None:
    """Beside Kite it is only missed; where there is none it need not answer."""
    finding = found(settings(tmp_path, free_port, **values))["Yahoo"]
    assert (finding.level, finding.text) == (level, text)
    assert bool(finding.remedy) is (level is not Level.OK)


def test_a_yahoo_of_the_other_world_is_told(tmp_path: Path, free_port: int) -> None:
    """The one that nobody named stands aside for a sandbox; nothing is sent to it."""
    there = Settings.model_validate({"data_dir": tmp_path, "service_port": free_port, **SANDBOX})
    finding = found(there)["Yahoo"]
    assert finding.level is Level.WARN
    assert finding.text.startswith("YAHOO, https://")
    assert finding.text.endswith(": DISABLED beside http://127.0.0.1:1")


async def test_a_yahoo_that_answers_is_fine(tmp_path: Path) -> None:
    """Whatever it says."""
    async with running_sandbox() as sandbox:
        values = {"data_dir": tmp_path, "yahoo_api_url": sandbox.url, "yahoo_stream_url": sandbox.yahoo_stream_url}
        (finding,) = await look_at_yahoo(Settings.model_validate(values), FixedClock())
    assert finding.level is Level.OK
    assert finding.text.startswith(f"SANDBOX, {sandbox.url} answers (HTTP ")


def test_a_key_that_others_can_read_fails(tmp_path: Path, free_port: int) -> None:
    """With the command that mends it."""
    key = tmp_path / KEY_FILE
    key.write_text("x")
    key.chmod(0o644)
    finding = (found(settings(tmp_path, free_port)))["key"]
    assert finding.level is Level.FAIL
    assert "chmod 600" in finding.text


@pytest.mark.parametrize(
    ("today", "level"),
    [(datetime(2026, 11, 23, tzinfo=UTC), Level.OK), (datetime(2026, 12, 5, tzinfo=UTC), Level.WARN)],
    ids=["November", "December"],
)
def test_a_calendar_that_ends_soon_is_told(tmp_path: Path, free_port: int, today: datetime, level: Level) -> None:
    """In time to get the next one."""
    assert (found(settings(tmp_path, free_port), FixedClock(today)))["calendar"].level is level


def test_a_check_that_raises_is_a_finding(tmp_path: Path, free_port: int) -> None:
    """The others are still made."""
    findings = found(settings(tmp_path, free_port, database_url="mysql://me:pw@host/db"))
    assert findings["database"].level is Level.FAIL
    assert "postgresql://" in findings["database"].text
    assert findings["calendar"].level is Level.OK


def test_the_table_is_redacted() -> None:
    """Texts of drivers hold what they like."""
    table = findings_table(
        [Finding("database", Level.FAIL, "cannot dial postgres://me:hidden-pw@h/d")], Redactor(Secrets())
    )
    cells = [str(cell) for column in table.columns for cell in column.cells]
    assert not any("hidden-pw" in cell for cell in cells)
    assert any("[redacted]" in cell for cell in cells)
