"""The npm package @apollo/client without React: queries, subscriptions, and its normalising cache."""

from typing import Any

from tests.support.node import Node


async def test_a_query_is_answered(node: Node, url: str):
    """In GraphQL's own media type."""
    async with node.start("apollo.mjs", url, "query") as script:
        fetched = await script.next()
        quotes = (await script.next())["data"]["quotes"]

    assert (fetched["status"], fetched["type"]) == (200, "application/graphql-response+json; charset=utf-8")
    assert [(quote["id"], quote["instrument"]["name"]) for quote in quotes] == [
        ("NSE:INFY", "INFOSYS"),
        ("NSE:TCS", "TATA CONSULTANCY SERVICES"),
    ]


async def test_what_could_be_answered_comes_with_the_error_of_the_rest(node: Node, url: str):
    """With the error policy `all`, a page draws what there is."""
    async with node.start("apollo.mjs", url, "partial") as script:
        result = await script.until("result")

    assert result["data"]["quotes"][0]["lastPrice"] > 0
    assert result["data"]["quotes"][1] is None
    assert result["codes"] == ["UNKNOWN_INSTRUMENT"]


async def test_a_live_update_changes_every_view_of_the_instrument(node: Node, url: str):
    """A quote's id is its instrument's: the cache passes a tick on to a watched query, which is not fetched again."""
    async with node.start("apollo.mjs", url, "cache") as script:
        seen: list[dict[str, Any]] = []
        while not _moved([line["data"]["quotes"][0]["lastPrice"] for line in seen if line["event"] == "watched"]):
            seen.append(await script.next())

    streamed = [line["quotes"][0]["lastPrice"] for line in seen if line["event"] == "update"]
    watched = [line["data"]["quotes"] for line in seen if line["event"] == "watched"]
    cached = {name for line in seen if line["event"] == "update" for name in line["cached"]}
    assert sum(line["event"] == "fetched" for line in seen) == 1
    assert {"Quote:NSE:INFY", "Quote:NSE:TCS", "Instrument:NSE:INFY"} <= cached
    assert watched[-1][0]["lastPrice"] in streamed
    assert watched[-1][0]["instrument"] == watched[0][0]["instrument"]
    assert watched[-1][1] == watched[0][1]


def _moved(prices: list[float]) -> bool:
    """Whether a view that began with one price has shown two others since."""
    return len(set(prices)) > 2
