"""What the README tells pages to paste, run as it stands."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.node import JS, Node, Script

SNIPPETS = sorted((JS / "snippets").glob("*.mjs"))
WIDEST = 120
README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.fixture
def env(url: str) -> dict[str, str]:
    """Leads a snippet to the service under test."""
    return {"KITE_GRAPHQL": url}


@pytest.mark.parametrize("snippet", ["graphql-ws", "graphql-sse"])
async def test_a_stream_client(node: Node, env: dict[str, str], snippet: str):
    """A snapshot of both instruments, then what changes."""
    async with node.start(f"snippets/{snippet}.mjs", env=env) as script:
        first, *later = [await script.next() for _ in range(3)]

    assert first["snapshot"] is True
    assert [quote["id"] for quote in first["quotes"]] == ["NSE:INFY", "NSE:TCS"]
    assert [update["snapshot"] for update in later] == [False, False]


async def test_urql(node: Node, env: dict[str, str]):
    """The query's answer, then the stream."""
    async with node.start("snippets/urql.mjs", env=env) as script:
        answer, *updates = [await script.next() for _ in range(3)]

    assert answer["quote"]["id"] == "NSE:INFY"
    assert all(update["quotes"]["quotes"][0]["id"] == "NSE:INFY" for update in updates)


async def test_apollo(node: Node, env: dict[str, str]):
    """The watched query prints each new price that the subscription brought."""
    async with node.start("snippets/apollo.mjs", env=env) as script:
        prices = await _distinct_prices(script, 3)

    assert len(prices) == 3


@pytest.mark.parametrize("path", SNIPPETS, ids=lambda path: path.name)
def test_a_snippet_fits_into_a_readme(path: Path):
    """8 to 12 lines of code that nobody has to scroll, leading to the address of `make run`."""
    text = path.read_text()
    lines = [line for line in text.splitlines() if line]

    assert 8 <= len(lines) <= 12
    assert max(map(len, lines)) <= WIDEST
    assert "'http://127.0.0.1:8179/graphql'" in text


def test_the_readme_shows_no_other_javascript():
    """What is pasted there is what is tested here, to the letter."""
    shown = re.findall(r"^```js\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)

    assert set(shown) <= {path.read_text() for path in SNIPPETS}


async def _distinct_prices(script: Script, count: int) -> list[Any]:
    prices: list[Any] = []
    while len(prices) < count:
        answer = await script.next()
        if answer["quote"]["lastPrice"] not in prices:
            prices.append(answer["quote"]["lastPrice"])
    return prices
