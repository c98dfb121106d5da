"""How commands find the sandbox of a `run`, and what they say when there is none."""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import typer

from app.commands.running import NOTE, led_by_run, require_source, told_to_others
from app.settings import Settings


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Somebody who accepts connections, as a sandbox does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def led(folder: Path, listener: socket.socket) -> Settings:
    """The settings of a service in front of a sandbox."""
    url = f"127.0.0.1:{listener.getsockname()[1]}"
    return Settings(
        data_dir=folder / "data",
        service_port=9123,
        kite_api_key="sandboxkey",
        kite_api_url=f"http://{url}",
        kite_login_url=f"http://{url}/connect/login",
        kite_ticker_url=f"ws://{url}",
        calendar="always-open",
    )


def test_a_command_is_led_to_the_sandbox_while_it_runs(tmp_path: Path, listener: socket.socket) -> None:
    """With its calendar and the service's login link; afterwards no note is left."""
    service = led(tmp_path, listener)
    mine = Settings(data_dir=service.data_dir, environment="mine")
    with told_to_others(service):
        found = require_source(mine)
    assert (found.kite_api_url, found.calendar, found.environment) == (service.kite_api_url, "always-open", "mine")
    assert (found.login_link, found.source) == (service.login_link, service.source)
    assert not (service.data_dir / NOTE).exists()
    assert led_by_run(mine) is mine


def test_the_note_is_for_us_alone_and_has_no_secret(tmp_path: Path, listener: socket.socket) -> None:
    """Mode 0600, also over a note with other rights; the secret and the token stay where they are."""
    service = led(tmp_path, listener).model_copy(update={"kite_api_secret": "sandboxsecret"})
    path = service.data_dir / NOTE
    path.parent.mkdir(parents=True)
    path.write_bytes(b"{}")
    path.chmod(0o644)
    with told_to_others(service):
        assert stat.S_IMODE(path.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
        assert b"secret" not in path.read_bytes()
        assert os.listdir(path.parent) == [path.name]  # noqa: PTH208 - names are what is looked at


def test_an_api_key_of_ones_own_counts_more(tmp_path: Path, listener: socket.socket) -> None:
    """Whoever set it means the real Kite."""
    service = led(tmp_path, listener)
    mine = Settings(data_dir=service.data_dir, kite_api_key="mine")
    with told_to_others(service):
        assert require_source(mine) is mine


def test_a_note_of_a_run_that_was_killed_leads_nowhere(
    tmp_path: Path, listener: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody listens there any more: the command ends with what to do."""
    service = led(tmp_path, listener)
    mine = Settings(data_dir=service.data_dir)
    with told_to_others(service):
        listener.close()
        with pytest.raises(typer.Exit):
            require_source(mine)
    assert "there is no source: start `kite-services run`" in capsys.readouterr().err


def test_the_later_of_two_runs_is_found(tmp_path: Path, listener: socket.socket) -> None:
    """And its note stays when the earlier one ends."""
    earlier = led(tmp_path, listener)
    later = earlier.model_copy(update={"calendar": "indian"})
    mine = Settings(data_dir=earlier.data_dir)
    second = told_to_others(later)
    with told_to_others(earlier):
        second.__enter__()
    assert led_by_run(mine).calendar == "indian"
    second.__exit__(None, None, None)
    assert led_by_run(mine) is mine


@pytest.mark.parametrize(
    "note", [b"", b"nonsense", b"[]", b'{"kite_api_url": 5}'], ids=["empty", "text", "list", "part"]
)
def test_a_note_that_makes_no_sense_is_none(tmp_path: Path, note: bytes) -> None:
    """Whatever a full disk left there."""
    (tmp_path / NOTE).parent.mkdir()
    (tmp_path / NOTE).write_bytes(note)
    mine = Settings(data_dir=tmp_path)
    assert led_by_run(mine) is mine


def test_a_note_never_leads_to_another_machine(tmp_path: Path, listener: socket.socket) -> None:
    """The session's token goes where the note says, so only this machine will do."""
    service = led(tmp_path, listener)
    mine = Settings(data_dir=service.data_dir)
    with told_to_others(service):
        path = service.data_dir / NOTE
        for url in ("http://192.0.2.1:80", "http://localhost.example:80", "http://127.0.0.1"):
            path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | {"kite_api_url": url}))
            assert led_by_run(mine) is mine
