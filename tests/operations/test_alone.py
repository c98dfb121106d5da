"""One service on a DATA_DIR: the second one is refused, and the end of the first, whatever it was, lets it in."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from app.commands.alone import LOCK, alone_on_data
from app.commands.start import BAD_SETTINGS
from app.settings import Settings

HOLD = """
import fcntl, sys
held = open(sys.argv[1], "w")
fcntl.flock(held, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
"""A process that has the lock until it is killed."""


def test_a_second_service_is_refused_until_the_first_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed is gone too; and what it says names the settings to change."""
    settings = Settings(data_dir=tmp_path)
    command = [sys.executable, "-c", HOLD, str(tmp_path / LOCK)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:  # noqa: S603 -- ourselves
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(typer.Exit) as ending, alone_on_data(settings):
            pytest.fail("there were two")
        holder.kill()
    assert ending.value.exit_code == BAD_SETTINGS
    message = capsys.readouterr().err
    assert all(word in message for word in ("DATA_DIR", "DATABASE_URL", "KITE_API_KEY"))
    with alone_on_data(settings):
        pass


def test_services_on_different_folders_do_not_meet(tmp_path: Path) -> None:
    with alone_on_data(Settings(data_dir=tmp_path / "a")), alone_on_data(Settings(data_dir=tmp_path / "b")):
        assert (tmp_path / "a" / LOCK).exists()
