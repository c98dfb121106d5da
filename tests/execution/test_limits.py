"""Documents that are too much are refused, with the limit and the value, for little work."""

import pytest
from graphql import get_introspection_query

from schema.execution.limits import Limits
from tests.execution.conftest import Bench
from tests.support.steps import within

LINEAR = 100
"""Calls of functions for each character; most take 15. Plain Strawberry took 167 s for the first of these documents."""


def fragment_bomb(levels: int) -> str:
    """A document whose expansion doubles at every level."""
    links = "".join(f"fragment f{n} on Quote{{a:again{{...f{n + 1}}}b:again{{...f{n + 1}}}}}" for n in range(levels))
    return f"{{quote(id:1){{...f0}}}}{links}fragment f{levels} on Quote{{id}}"


def flat_bomb(levels: int) -> str:
    """The same without fields in between: only spreads."""
    links = "".join(f"fragment f{n} on Quote{{...f{n + 1} ...f{n + 1}}}" for n in range(levels))
    return f"{{quote(id:1){{...f0}}}}{links}fragment f{levels} on Quote{{id}}"


AMPLIFIERS = {
    "nested fields": fragment_bomb(17),
    "deeply nested fields": fragment_bomb(150),
    "nested spreads": flat_bomb(60),
    "many spreads of one": "{quote(id:1){" + "...f " * 3900 + "}}fragment f on Quote{id}",
    "the same field again and again": "{quote(id:1){" + "again{again{id}} " * 900 + "}}",
    "the same fields in many fragments": "{quote(id:1){"
    + "".join(f"...f{n} " for n in range(199))
    + "}}"
    + "".join(f"fragment f{n} on Quote{{id again{{id lastPrice}}}}" for n in range(199)),
    "lists in lists": "{firstQuotes(first:500){levels{price} again{levels{price}}}}",
    "a long list": "{firstQuotes(first: 2000000000){id}}",
    "an integer of 5,000 digits": "{firstQuotes(first: " + "9" * 5000 + "){id}}",
}


@pytest.mark.parametrize("name", AMPLIFIERS)
def test_amplifying_document_is_refused_for_linear_work(name: str):
    """Neither analysis nor validation follows the expansion."""
    bench = Bench(limits={"max_cost": 3000})

    failure = within(LINEAR * len(AMPLIFIERS[name]), lambda: bench.refused(AMPLIFIERS[name]))

    assert failure["code"].startswith("DOCUMENT_TOO_")


def test_the_1018_byte_bomb_is_refused_for_linear_work(bench: Bench):
    """The document that stopped the service this replaces for 167 s."""
    bomb = fragment_bomb(18)
    bomb += "#" * (1018 - len(bomb))

    failure = within(LINEAR * len(bomb), lambda: bench.refused(bomb))

    assert len(bomb) == 1018
    assert failure["code"] == "DOCUMENT_TOO_COSTLY"
    assert failure["value"] > failure["limit"] == Limits().max_cost


@pytest.mark.parametrize(
    ("limits", "query", "code", "value"),
    [
        ({"max_characters": 10}, "{ hello     }", "DOCUMENT_TOO_LONG", 13),
        ({"max_depth": 3}, "{quote(id:1){again{again{id}}}}", "DOCUMENT_TOO_DEEP", 4),
        ({"max_aliases": 1}, "{a:hello b:hello}", "DOCUMENT_TOO_MANY_ALIASES", 2),
        ({"max_directives": 1}, "{hello @skip(if:true) ...@skip(if:true){hello}}", "DOCUMENT_TOO_MANY_DIRECTIVES", 2),
        ({"max_root_fields": 2}, "{hello ...f} fragment f on Query{a:hello b:hello}",
         "DOCUMENT_TOO_MANY_ROOT_FIELDS", 3),
        ({"max_fragments": 1}, "{...a ...b} fragment a on Query{hello} fragment b on Query{hello}",
         "DOCUMENT_TOO_MANY_FRAGMENTS", 2),
        ({"max_cost": 5}, "{quote(id:1){id again{id again{id}}}}", "DOCUMENT_TOO_COSTLY", 6),
        ({"max_nesting": 2}, "{...{...{...{hello}}}}", "DOCUMENT_TOO_DEEP", 3),
    ],
)  # fmt: skip
def test_limit_is_named_with_its_value(limits: dict[str, int], query: str, code: str, value: int):
    """An error says which bound, how much is allowed and how much it was."""
    failure = Bench(limits=limits).refused(query)

    (limit,) = limits.values()
    assert (failure["code"], failure["limit"], failure["value"]) == (code, limit, value)
    assert str(limit) in failure["message"]


@pytest.mark.parametrize(
    ("limits", "query", "code"),
    [
        ({"max_tokens": 3}, "{ a b c }", "DOCUMENT_TOO_MANY_TOKENS"),
        ({"max_comments": 1}, "#\n#\n{ hello }", "DOCUMENT_TOO_MANY_COMMENTS"),
        ({}, "{a" * 400, "DOCUMENT_TOO_DEEP"),
        ({}, "{...f} fragment f on Query{...g} fragment g on Query{...f}", "DOCUMENT_FRAGMENT_CYCLE"),
        ({}, "{hello} fragment f on Query{...f}", "DOCUMENT_FRAGMENT_CYCLE"),
    ],
)
def test_document_that_cannot_be_counted_is_refused(limits: dict[str, int], query: str, code: str):
    """Bounds of the lexer, and fragments without an end."""
    assert Bench(limits=limits).refused(query)["code"] == code


def test_limit_admits_exactly_its_value():
    """At the limit is within it."""
    bench = Bench(limits={"max_depth": 4, "max_cost": 6, "max_aliases": 1})

    assert bench.ready("{quote(id:1){id again{id x:again{id}}}}")


def test_introspection_is_within_the_limits(bench: Bench):
    """GraphiQL and code generators must work."""
    assert bench.ready(get_introspection_query(input_value_deprecation=True, schema_description=True))


@pytest.mark.parametrize(
    ("query", "variables", "cost"),
    [
        ("{hello}", {}, 1),
        ("{hello a:hello}", {}, 2),
        ("{quotes(ids:[1,2,3]){id volume}}", {}, 1 + 3 * 2),
        ("query($ids:[ID!]!){quotes(ids:$ids){id volume}}", {"ids": list("abcd")}, 1 + 4 * 2),
        ("query($ids:[ID!]!){quotes(ids:$ids){id volume}}", {"ids": "a"}, 1 + 2),
        ("query($n:Int=7){firstQuotes(first:$n){id}}", {}, 1 + 7),
        ("query($n:Int=7){firstQuotes(first:$n){id}}", {"n": 9}, 1 + 9),
        ("{firstQuotes{id}}", {}, 1 + 5),
        ("{firstQuotes(first:-4){id}}", {}, 1 + 1),
        ("{candles(last:50){count candles{open close}}}", {}, 1 + 1 + 1 + 50 * 2),
        ("query($n:Int){candles(last:$n){candles{open}}}", {"n": 50}, 1 + 1 + 50),
        ("query($n:Int){candles(last:$n){candles{open}}}", {}, 1 + 1 + 10),
        ("{candles{candles{open}}}", {}, 1 + 1 + 10),
        ("{firstQuotes(first:3){levels{price}}}", {}, 1 + 3 * (1 + 10)),
        ("query($n:Int!){candles(last:$n){...f ...f}} fragment f on Series{candles{open}}", {"n": 4}, 1 + 2 * (1 + 4)),
        ("query($n:Int!){firstQuotes(first:$n){...f a:again{...f}}} fragment f on Quote{id}", {"n": 4}, 1 + 4 * 3),
    ],
)
def test_cost_counts_the_fields_that_will_be_completed(query: str, variables: dict[str, object], cost: int):
    """Lists by their arguments, also when these are variables; ten where nothing is known."""
    assert Bench(limits={"max_cost": cost}).ready(query, None, **variables)
    failure = Bench(limits={"max_cost": cost - 1}).refused(query, None, **variables)

    assert failure["value"] == cost


def test_long_variables_are_refused_before_they_are_coerced():
    """The price is known from the length; 150,000 items are not looked at."""
    bench = Bench()
    query = "query($ids:[ID!]!){quotes(ids:$ids){id volume lastPrice}}"
    bench.prepare(query, ids=["a"])
    ids = [f"NSE:{number}" for number in range(150_000)]

    failure = within(500, lambda: bench.refused(query, ids=ids))

    assert (failure["code"], failure["value"]) == ("DOCUMENT_TOO_COSTLY", 450_001)
