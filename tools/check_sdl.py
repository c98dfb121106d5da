"""Holds schema/schema.graphql against the code: `python -m tools.check_sdl`, with --write to mend it."""

import difflib
import sys
from pathlib import Path

from app.main import export_sdl

SDL = Path("schema/schema.graphql")


def main() -> int:
    """0 if the file is what the code exports; else the difference and 1."""
    exported = export_sdl()
    if "--write" in sys.argv:
        SDL.write_text(exported)
        return 0
    written = SDL.read_text() if SDL.exists() else ""
    difference = difflib.unified_diff(written.splitlines(), exported.splitlines(), str(SDL), "the code", lineterm="")
    lines = list(difference)
    if lines:
        print(*lines, sep="\n")
        print("run: make sdl")
        return 1
    print(f"{SDL}: as the code exports it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
