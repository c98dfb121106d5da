"""Where there is Node, its packages are there too, or everybody learns why not."""

import json
from pathlib import Path

import pytest

from tests.support.node import JS, install_packages


def test_a_failing_install_says_what_npm_said(tmp_path: Path):
    """Tests that left themselves out in silence would look like tests that pass."""
    (tmp_path / "package.json").write_text('{"name": "broken", "dependencies": {"ws": "8.23.0"}}')
    (tmp_path / "package-lock.json").write_text('{"name": "broken", "lockfileVersion": 3, "packages": {"": {}}}')

    with pytest.raises(pytest.fail.Exception, match=r"(?s)npm ci failed .* with code 1\n.*Missing: ws@8\.23\.0"):
        install_packages(tmp_path)


def test_the_lock_names_exact_versions_and_no_registry():
    """What is installed is the same everywhere, and comes from whatever registry the machine has."""
    lock = (JS / "package-lock.json").read_text()
    asked = json.loads((JS / "package.json").read_text())["dependencies"]
    locked = json.loads(lock)["packages"]

    assert "://" not in lock
    assert '"resolved"' not in lock
    assert {name: locked[f"node_modules/{name}"]["version"] for name in asked} == asked
    assert all("integrity" in package for path, package in locked.items() if path)
