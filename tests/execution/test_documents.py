"""Documents are understood once, and the operation that is meant is chosen by the specification."""

import pytest

from schema.execution.documents import Document, DocumentCache
from schema.execution.limits import CostModel, Limits
from schema.execution.records import FailureKind, RequestFailure
from tests.execution.conftest import Bench
from tests.support.toy import toy_schema

TWO = 'query a{hello} query b{hello(name:"b")}'


def cache(**limits: int) -> DocumentCache:
    """An empty cache."""
    return DocumentCache(toy_schema()._schema, Limits(**limits), CostModel())


def test_document_is_parsed_once():
    """The same text is the same object."""
    documents = cache()

    assert documents.document("{hello}") is documents.document("{hello}")


def test_failure_is_remembered():
    """A client that repeats a broken document costs nothing more."""
    documents = cache()

    assert documents.document("{") is documents.document("{")
    assert len(documents) == 0


def test_cache_is_bounded_in_documents():
    """The one that was not used for longest goes first."""
    documents = cache(cached_documents=2)
    first = documents.document("{hello}")
    documents.document("{a:hello}")
    documents.document("{hello}")
    second = documents.document("{b:hello}")

    assert len(documents) == 2
    assert documents.document("{hello}") is first
    assert documents.document("{b:hello}") is second


def test_cache_is_bounded_in_characters():
    """Few long documents push out many short ones, never more than that."""
    documents = cache(cached_characters=100)
    for number in range(20):
        documents.document(f"{{a{number}:hello}}")
    assert documents.characters <= 100

    documents.document("{hello}" + " " * 90)

    assert len(documents) == 1
    assert documents.characters == 97


def test_failures_do_not_push_out_documents():
    """A stream of garbage leaves the front end's documents cached."""
    documents = cache()
    good = documents.document("{hello}")
    for number in range(500):
        documents.document(f"{{nope{number}")

    assert documents.document("{hello}") is good


async def test_operation_is_chosen_by_name():
    """Of several, the named one runs."""
    assert await Bench().run(TWO, "b") == {"data": {"hello": "hello b"}}


@pytest.mark.parametrize("name", [None, "c", ""])
def test_operation_that_is_not_meant_clearly_is_an_error(name: str | None):
    """The first of two is not guessed."""
    failure = Bench().prepare(TWO, name)

    assert isinstance(failure, RequestFailure)
    assert failure.kind is FailureKind.OPERATION
    assert failure.errors[0]["extensions"] == {"code": "OPERATION_RESOLUTION_FAILURE"}


def test_unknown_name_of_a_single_operation_is_an_error():
    """A name must be right even if there is nothing to choose."""
    assert Bench().refused("query a{hello}", "b")["message"] == "the document has no operation named 'b'"


@pytest.mark.parametrize("query", ["fragment f on Query{hello}", " ", "# nothing", "type A{a:Int}"])
def test_document_without_an_operation_is_an_error(query: str):
    """Only fragments, only spaces, a schema."""
    assert isinstance(Bench().prepare(query), RequestFailure)


def test_document_with_all_its_parts_is_kept():
    """Fragments and operations are at hand for the executor."""
    document = cache().document("query a{...f} query b{hello} fragment f on Query{hello}")

    assert isinstance(document, Document)
    assert list(document.fragments) == ["f"]
