"""The exported SDL in the repository is the schema's. `--write` exports it anew."""

import difflib
import sys
from pathlib import Path

from app.main import export_sdl

EXPORTED = Path(__file__).parents[1] / "schema" / "schema.graphql"


def main(arguments: list[str]) -> int:
    """0 if the file holds the schema, or was written."""
    current = export_sdl().rstrip() + "\n"
    if "--write" in arguments:
        EXPORTED.write_text(current, encoding="utf-8")
        return 0
    exported = EXPORTED.read_text(encoding="utf-8") if EXPORTED.exists() else ""
    difference = list(
        difflib.unified_diff(exported.splitlines(), current.splitlines(), "schema/schema.graphql", "the code", n=2)
    )
    for line in difference:
        sys.stdout.write(f"{line}\n")
    if exported != current:
        sys.stdout.write("schema/schema.graphql is not the schema of the code: python -m tools.check_sdl --write\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
