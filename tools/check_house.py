"""House rules that no linter knows: length of files and functions, addresses in lock files, paths in commits."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

MAX_FILE_LINES = 400
MAX_STATEMENTS = 30
LOCKS = ("requirements.lock", "requirements-dev.lock", "tests/js/package-lock.json")
ADDRESS = re.compile(r'https?://|--(extra-)?index-url|--find-links|"resolved"')
FORBIDDEN = re.compile(
    r"\b(NotImplementedError|TODO|FIXME|XXX)\b|pytest\.skip|mark\.(skip|xfail)\b|MagicMock|mock\.patch"
)


def tracked(*patterns: str) -> list[Path]:
    """The files that git knows, those that were deleted left out."""
    listed = subprocess.run(["git", "ls-files", *patterns], capture_output=True, text=True, check=True).stdout  # noqa: S603, S607 - fixed words
    return [path for path in map(Path, listed.splitlines()) if path.exists()]


def complaints(path: Path) -> Iterable[str]:
    """What is wrong with one Python file."""
    text = path.read_text()
    lines = text.count("\n")
    if lines > MAX_FILE_LINES:
        yield f"{path}: {lines} lines, {MAX_FILE_LINES} at most"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            statements = sum(isinstance(inner, ast.stmt) for inner in ast.walk(node)) - 1
            if statements > MAX_STATEMENTS and not path.is_relative_to("tests"):
                yield f"{path}:{node.lineno}: {node.name} has {statements} statements, {MAX_STATEMENTS} at most"
    if path != Path("tools/check_house.py"):
        yield from (
            f"{path}:{text[: found.start()].count(chr(10)) + 1}: {found[0]}" for found in FORBIDDEN.finditer(text)
        )


def addresses() -> Iterable[str]:
    """Lock files that hold an address."""
    for name in LOCKS:
        if Path(name).exists() and ADDRESS.search(Path(name).read_text()):
            yield f"{name}: holds an address; see `make lock`"


def main() -> int:
    """0 if the house is tidy; else what is not and 1."""
    found = [line for path in tracked("*.py") if "versions" not in path.parts for line in complaints(path)]
    found += addresses()
    print(*found, sep="\n" if found else "")
    print(f"house rules: {len(found)} complaints")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
