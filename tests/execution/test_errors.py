"""Errors: the domain's as they are, GraphQL's with a code, everything else masked and logged once."""

from typing import Any

import pytest
from structlog.typing import EventDict

from schema.execution.records import RequestFailure
from tests.execution.conftest import Bench


async def test_domain_error_keeps_its_message_and_extensions(bench: Bench, logs: list[EventDict]):
    """Code, retryable and the error's own facts travel; there is no traceback to log."""
    result = await bench.run("{login}")

    assert result == {
        "data": {"login": None},
        "errors": [
            {
                "message": "log in to Kite",
                "locations": [{"line": 1, "column": 2}],
                "path": ["login"],
                "extensions": {"code": "LOGIN_REQUIRED", "retryable": False, "loginUrl": "http://127.0.0.1/auth"},
            }
        ],
    }
    assert logs == []


async def test_bug_is_masked_and_logged_once(bench: Bench, logs: list[EventDict]):
    """The caller gets an operation id, the log gets the traceback under the same id, in one line."""
    result = await bench.run("{a:broken b:broken brokenMany{id}}")

    (record,) = bench.ledger.records
    assert [error["path"] for error in result["errors"]] == [["a"], ["b"], ["brokenMany"]]
    for error in result["errors"]:
        assert error["message"] == f"internal error; quote operation id {record.operation_id}"
        assert error["extensions"] == {"code": "INTERNAL", "operationId": record.operation_id}
    assert "hunter2" not in str(result)
    (line,) = logs
    assert (line["log_level"], line["operation_id"], line["failed_fields"]) == ("error", record.operation_id, 3)
    assert isinstance(line["exc_info"], RuntimeError)
    assert line["exc_info"].__traceback__ is not None


async def test_value_that_does_not_fit_the_schema_is_our_bug(bench: Bench, logs: list[EventDict]):
    """An Int of 2^40 from a resolver is masked: the caller can do nothing about it."""
    result = await bench.run("{misfit}")

    assert result["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert len(logs) == 1


@pytest.mark.parametrize(("field", "message"), [("secret", "needs the role ADMIN"), ("never", "never allowed")])
async def test_permission_is_forbidden(bench: Bench, logs: list[EventDict], field: str, message: str):
    """Of the domain or of Strawberry: the same code, no log line."""
    result = await bench.run(f"{{{field}}}")

    assert result["errors"][0]["message"] == message
    assert result["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert logs == []


async def test_null_for_an_argument_that_must_not_be_null_is_the_callers_error(bench: Bench):
    """Which only the execution can see, when a variable carries it."""
    result = await bench.run('query($name: String = "x"){hello(name:$name)}', name=None)

    assert result["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("{", {}, "GRAPHQL_PARSE_FAILED"),
        ("{nope}", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("{colour(of:GREEN)}", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("query($of:Colour!){colour(of:$of)}", {"of": "GREEN"}, "BAD_USER_INPUT"),
        ("query($of:Colour!){colour(of:$of)}", {}, "BAD_USER_INPUT"),
        ("query($v:BigInt!){big(value:$v)}", {"v": 2**60}, "BAD_USER_INPUT"),
        ("query($by:Filter!){pick(by:$by)}", {"by": {"limit": 2**40}}, "BAD_USER_INPUT"),
    ],
)
def test_request_error_has_a_code(
    bench: Bench, logs: list[EventDict], query: str, variables: dict[str, Any], code: str
):
    """Nothing was executed; nothing but the operation's record tells of it."""
    assert bench.refused(query, None, **variables)["code"] == code
    (record,) = bench.ledger.records
    assert (record.kind, record.error_codes) == (None, (code,))
    assert logs == []


def test_error_does_not_repeat_a_megabyte(bench: Bench):
    """graphql-core puts the wrong value into its message; we cut it."""
    failure = bench.refused("query($v:BigInt!){big(value:$v)}", v="9" * 1_000_000)

    assert len(failure["message"]) < 600


def test_only_the_first_coercion_errors_are_told(bench: Bench):
    """10,000 wrong items do not make 10,000 messages."""
    failure = bench.prepare("query($ids:[ID!]!){quotes(ids:$ids){id}}", ids=[None] * 10_000)

    assert isinstance(failure, RequestFailure)
    assert len(failure.errors) == 11
