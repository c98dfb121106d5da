"""The table of error codes that a front end programs against, held against the code."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.errors import MarketDataError

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "topics" / "errors.md").read_text(encoding="utf-8")
SENT_BY = (*(ROOT / "schema" / "execution").glob("*.py"), *(ROOT / "schema" / "transport").glob("*.py"))
WORDS = re.compile(r'"([A-Z]+(?:_[A-Z]+)+)"')
PREFIX = "DOCUMENT_TOO_"
ABSTRACT = frozenset({MarketDataError.code})


def domain_codes(error: type[MarketDataError] = MarketDataError) -> Iterator[str]:
    """The code of an error and of all below it."""
    yield error.code
    for below in error.__subclasses__():
        yield from domain_codes(below)


def sent_codes() -> set[str]:
    """Every code that the engine, the transports and the server write."""
    files = (*SENT_BY, ROOT / "app" / "server.py")
    return {word for file in files for word in WORDS.findall(file.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("code", sorted({*domain_codes(), *sent_codes()} - ABSTRACT))
def test_every_code_stands_in_the_table(code: str) -> None:
    """A code that nobody can look up is an error without a remedy."""
    shown = PREFIX if code.startswith(PREFIX) else code
    assert f"`{shown}" in TABLE
