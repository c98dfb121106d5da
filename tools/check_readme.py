"""Holds the README's table of settings against `app.settings`: `python -m tools.check_readme`, --write to mend it."""

import re
import sys
from pathlib import Path

from pydantic_core import PydanticUndefined

from app.settings import Settings

README = Path("README.md")
TABLE = re.compile(r"(?<=\| --- \| --- \| --- \|\n)(?:\|.*\n)+")
MAX_LINES = 150


def rows() -> str:
    """The table's body, one line a setting, in the order of the class."""
    lines = []
    for name, field in Settings.model_fields.items():
        default = field.get_default()
        listed = ",".join(map(str, default)) if isinstance(default, tuple) else default
        shown = "" if default in (None, "", PydanticUndefined) or "Secret" in type(default).__name__ else f"`{listed}`"
        lines.append(f"| `{name.upper()}` | {shown} | {field.description} |\n")
    return "".join(lines)


def main() -> int:
    """0 if the README tells every setting as the code has it, in at most 150 lines."""
    text = README.read_text()
    found = TABLE.search(text)
    if found is None:
        print("README.md: the table of settings is missing")
        return 1
    if "--write" in sys.argv:
        README.write_text(text[: found.start()] + rows() + text[found.end() :])
        return 0
    faults = []
    if found[0] != rows():
        faults.append("README.md: the table of settings is not what app/settings.py says; run: make readme")
    if text.count("\n") > MAX_LINES:
        faults.append(f"README.md: more than {MAX_LINES} lines")
    print(*faults or ["README.md: the settings are as the code has them"], sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
