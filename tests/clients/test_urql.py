"""The npm package @urql/core, as a page sets it up."""

from typing import Any

import pytest

from tests.support.node import Node

JSON = "application/graphql-response+json; charset=utf-8"


@pytest.mark.parametrize(("scenario", "method"), [("query", "GET"), ("post", "POST")])
async def test_a_query_is_answered_as_json(node: Node, url: str, scenario: str, method: str):
    """The client accepts event streams with every query and reads JSON better: it gets JSON, by GET and by POST."""
    async with node.start("urql.mjs", url, scenario) as script:
        fetched = await script.next()
        result = await script.next()

    assert "text/event-stream" in fetched["accept"]
    assert (fetched["method"], fetched["status"], fetched["type"]) == (method, 200, JSON)
    assert result["data"]["quotes"][0]["id"] == "NSE:INFY"


async def test_what_could_be_answered_comes_with_the_error_of_the_rest(node: Node, url: str):
    """One unknown instrument costs the page nothing of the others."""
    async with node.start("urql.mjs", url, "query") as script:
        result = await script.until("result")

    assert result["data"]["quotes"][0]["lastPrice"] > 0
    assert result["data"]["quotes"][1] is None
    assert result["codes"] == ["UNKNOWN_INSTRUMENT"]


async def test_an_invalid_query_is_an_error_with_its_code(node: Node, url: str):
    """The status is 400 and urql reads the body all the same."""
    async with node.start("urql.mjs", url, "invalid") as script:
        assert (await script.next())["status"] == 400
        assert (await script.next())["codes"] == ["GRAPHQL_VALIDATION_FAILED"]


@pytest.mark.parametrize("scenario", ["stream", "events"])
async def test_a_subscription_is_live(node: Node, url: str, scenario: str):
    """Through graphql-ws, and through urql's own reader of event streams."""
    async with node.start("urql.mjs", url, scenario) as script:
        updates: list[dict[str, Any]] = [(await script.until("update"))["data"]["quotes"] for _ in range(3)]

    assert [update["snapshot"] for update in updates] == [True, False, False]
    assert all(update["quotes"][0]["id"] == "NSE:INFY" for update in updates)
