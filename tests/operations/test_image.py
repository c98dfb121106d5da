"""What the Dockerfile promises, held textually: there is no engine to build it here."""

import json
import re
import shlex
from pathlib import Path

import pytest

from app.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text()
LINES = [line for line in re.sub(r"\\\n\s*", " ", TEXT).splitlines() if line and not line.startswith("#")]
STAGES = [i for i, line in enumerate(LINES) if line.startswith("FROM ")]
LAST = LINES[STAGES[-1] :]


def only(word: str) -> str:
    (line,) = (line for line in LAST if line.startswith(f"{word} "))
    return line.removeprefix(f"{word} ")


def test_two_stages_and_nothing_of_the_first_but_the_environment() -> None:
    """Pip's leftovers, sources and the lock file stay behind."""
    assert len(STAGES) == 2
    assert [line for line in LAST if line.startswith("COPY")] == [
        "COPY --from=build /opt/kite-services /opt/kite-services"
    ]


def test_every_dependency_is_checked_against_its_hash() -> None:
    """And none is resolved while the image is built."""
    installs = [line for line in LINES if "pip install" in line]
    assert "--require-hashes -r requirements.lock" in installs[0]
    assert all("--no-deps" in line for line in installs[1:])


def test_it_does_not_run_as_root() -> None:
    """A number, so that an orchestrator can check it."""
    assert int(only("USER")) > 0
    assert LAST.index(f"USER {only('USER')}") < LAST.index(f"CMD {only('CMD')}")


def test_signals_reach_the_service() -> None:
    """Exec form: no shell stands between SIGTERM and the server."""
    assert json.loads(only("CMD")) == ["kite-services", "serve"]
    assert only("STOPSIGNAL") == "SIGTERM"


def test_the_health_check_needs_only_python() -> None:
    """It compiles, and asks for what app.http.health serves."""
    arguments, command = only("HEALTHCHECK").split(" CMD ", 1)
    interpreter, option, code = json.loads(command)
    assert (interpreter, option) == ("python", "-c")
    compile(code, "healthcheck", "exec")
    assert "/health/live" in code
    assert "--timeout=" in arguments


def test_what_lasts_is_in_the_volume() -> None:
    """The database, the key and the sandbox's sessions; the folder is the service's own."""
    environment = dict(pair.split("=", 1) for pair in shlex.split(only("ENV")))
    assert json.loads(only("VOLUME")) == [environment["DATA_DIR"]]
    known = {name.upper() for name in Settings.model_fields} | {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}
    assert environment.keys() <= known


@pytest.mark.parametrize("name", ["app", "schema", "migrations", "pyproject.toml", "requirements.lock", "README.md"])
def test_the_builder_gets_what_it_copies(name: str) -> None:
    """.dockerignore lets through what COPY names, and nothing by default."""
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert f"!{name}" in ignored
    assert any(line.startswith("COPY ") and name in line.split() for line in LINES[: STAGES[-1]])


def test_ci_is_the_checks_and_then_the_tests() -> None:
    """.ci/run stops at the first failure and can be started."""
    script = ROOT / ".ci" / "run"
    lines = script.read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert lines[-2:] == ["make check", "make test"]
    assert script.stat().st_mode & 0o111
