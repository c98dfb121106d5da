"""The house rules that no linter knows: sizes, names, and what must stand in no file at all.

Reads the files that git tracks; prints one line a fault, `file:line: what`.
"""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONGEST_FILE = 400
"""Lines of a Python file; the median shall be near 120."""
EMPTY_WORDS = re.compile(r"(?:Manager|Helper|Utils?|Processor)$|^(?:helpers?|utils?|managers?)$")
"""Names that say nothing about what a thing is."""
WITHOUT_PREFIX = re.compile(r"^get_(?!type_hints|event_loop|source$)")
"""But for names that Python itself calls: `get_source` is how tracebacks ask a module's loader."""
# A class of one letter keeps each pattern from finding itself in this file.
BANNED = {
    "the address of a package registry": re.compile(r"pyp[i]\.org|pythonhoste[d]\.org|registry\.npm[j]s|npmj[s]\.org"),
    "a path of one machine": re.compile(r"/roo[t]/|/wor[k]/|/hom[e]/\w+/|/User[s]/\w+/"),
    "a skipped test": re.compile(r"pytest\.(?:mark\.)?ski[p]|importorski[p]|unittest\.ski[p]"),
    "an ignored type error without a code": re.compile(r"#\s*type:\s*ignor[e](?!\[)"),
}
TEXT_SUFFIXES = frozenset(
    {".cfg", ".dockerignore", ".graphql", ".html", ".ini", ".js", ".json", ".lock", ".mako", ".md", ".mjs", ".py",
     ".sh", ".toml", ".ts", ".txt", ".yaml", ".yml", ""}
)  # fmt: skip
VENDORED = re.compile(r"^schema/static/|node_modules/|package-lock\.json$")
"""Other people's files, kept as they came."""


def main() -> int:
    """0 if no rule is broken."""
    faults = [fault for path in tracked_files() for fault in faults_of(path)]
    for fault in faults:
        sys.stdout.write(f"{fault}\n")
    return 1 if faults else 0


def tracked_files() -> list[Path]:
    """What git knows and the working tree still has, without vendored files; outside a clone, everything here."""
    git = shutil.which("git")
    listed: list[str] = []
    if git and (ROOT / ".git").exists():
        done = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)  # noqa: S603 # no input
        listed = done.stdout.split("\0")
    return sorted(ROOT / name for name in listed if name and not VENDORED.search(name) and (ROOT / name).is_file())


def faults_of(path: Path) -> Iterator[str]:
    """One line for each broken rule of a file."""
    if path.suffix not in TEXT_SUFFIXES:
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    name = path.relative_to(ROOT)
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in BANNED.items():
            if pattern.search(line):
                yield f"{name}:{number}: {what}"
    if path.suffix == ".py":
        lines = text.count("\n")
        if lines > LONGEST_FILE:
            yield f"{name}:{lines}: {lines} lines; at most {LONGEST_FILE}"
        yield from _names(text, name)


def _names(text: str, name: Path) -> Iterator[str]:
    if EMPTY_WORDS.search(name.stem):
        yield f"{name}:1: a module called {name.stem} says nothing"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef) and EMPTY_WORDS.search(node.name):
            yield f"{name}:{node.lineno}: a class called {node.name} says nothing"
        if isinstance(node, ast.FunctionDef) and WITHOUT_PREFIX.search(node.name):
            yield f"{name}:{node.lineno}: {node.name}: a look-up is called by what it returns"


if __name__ == "__main__":
    sys.exit(main())
