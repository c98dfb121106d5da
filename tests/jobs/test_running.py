"""How commands find the sandbox of a `run`, and what they say when there is none."""

import os
import socket
import stat
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import orjson
import pytest
import typer

from app.commands.running import NOTE, led_by_run, require_source, service_beside, told_to_others
from app.settings import Settings


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Somebody who accepts connections, as a sandbox does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


class Live(BaseHTTPRequestHandler):
    """Says that it lives."""

    def do_GET(self) -> None:
        """The whole answer."""
        self.send_response(200 if self.path == "/health/live" else 404)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Nobody wants to know."""


@pytest.fixture
def alive() -> Iterator[str]:
    """The address of something that lives as a service does."""
    with HTTPServer(("127.0.0.1", 0), Live) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


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


def test_the_note_of_who_was_killed_is_none(tmp_path: Path, listener: socket.socket) -> None:
    """Also where somebody has its port by now: the lock on the note ended with its writer."""
    service = led(tmp_path, listener)
    mine = Settings(data_dir=service.data_dir)
    path = service.data_dir / NOTE
    with told_to_others(service):
        left = path.read_bytes()
    path.write_bytes(left)
    assert led_by_run(mine) is mine


def test_a_service_is_found_by_commands_with_the_same_sources(
    tmp_path: Path, listener: socket.socket, alive: str
) -> None:
    """Those that say nothing have its own; who names others means others."""
    service = led(tmp_path, listener).model_copy(update={"service_port": urlsplit(alive).port})
    folder = service.data_dir
    with told_to_others(service):
        found = service_beside(Settings(data_dir=folder))
        assert found is not None
        assert (found.url, found.settings.kite_api_key) == (alive, "sandboxkey")
        assert service_beside(Settings(data_dir=folder, kite_api_key="sandboxkey")) is not None
        assert service_beside(Settings(data_dir=folder, kite_api_key="mine")) is None
        assert service_beside(Settings(data_dir=folder, kite_api_url="http://127.0.0.1:1")) is None
        assert service_beside(Settings(data_dir=tmp_path)) is None


def test_what_does_not_live_is_no_service(tmp_path: Path, listener: socket.socket, alive: str) -> None:
    """One that starts, or is on another machine: ADMIN_TOKEN goes to this one alone."""
    service = led(tmp_path, listener)
    mine = Settings(data_dir=service.data_dir)
    with told_to_others(service):
        assert service_beside(mine) is None
        path = service.data_dir / NOTE
        for url in (
            alive.replace("127.0.0.1", "192.0.2.1"),
            alive.replace("127.0.0.1", "localhost.example"),
            "http://",
        ):
            path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | {"service_url": url}))
            assert service_beside(mine) is None


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
    mine = Settings(data_dir=tmp_path)
    with told_to_others(mine):
        (tmp_path / NOTE).write_bytes(note)
        assert led_by_run(mine) is mine
        assert service_beside(mine) is None


def test_a_note_never_leads_to_another_machine(tmp_path: Path, listener: socket.socket) -> None:
    """The session's token goes where the note says, so only this machine will do."""
    service = led(tmp_path, listener)
    mine = Settings(data_dir=service.data_dir)
    with told_to_others(service):
        path = service.data_dir / NOTE
        for url in ("http://192.0.2.1:80", "http://localhost.example:80", "http://127.0.0.1"):
            path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | {"kite_api_url": url}))
            assert led_by_run(mine) is mine
