"""Validation by the specification, with a bound on the one rule whose work grows with a document's square."""

from graphql import DocumentNode, GraphQLError, GraphQLSchema, ValidationContext, specified_rules, validate
from graphql.validation import OverlappingFieldsCanBeMergedRule
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from schema.execution.limits import LimitExceeded

MERGE_BUDGET = 15_000
"""Comparisons of fields with the same name, two units each. 7,500 are some 40 ms; a front end's document needs
hundreds. graphql-core allows 500,000, which is 1.5 s of a blocked loop for 20 KB of text."""


class BoundedMerging(OverlappingFieldsCanBeMergedRule):
    """The rule of the specification, given up earlier."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = MERGE_BUDGET


RULES = (
    *(rule for rule in specified_rules if rule is not OverlappingFieldsCanBeMergedRule),
    BoundedMerging,
    MaybeNullValidationRule,
    OneOfInputValidationRule,
)
"""The specification's rules, and those that Strawberry's own execution adds."""


def validation_errors(schema: GraphQLSchema, document: DocumentNode, *, max_errors: int) -> list[GraphQLError]:
    """What is wrong with a document, `max_errors` of it. Raises LimitExceeded if finding out takes too long."""
    errors = validate(schema, document, RULES, max_errors=max_errors)
    if any(isinstance(error, ValidationAbortedError) and len(errors) <= max_errors for error in errors):
        msg = "the same fields are selected too often in one place: select each once"
        raise LimitExceeded(TOO_MANY_OVERLAPS, msg, limit=MERGE_BUDGET)
    return errors


TOO_MANY_OVERLAPS = "DOCUMENT_TOO_MANY_OVERLAPS"
