"""The law: whatever is asked and whatever the objects hold, compiled and ordinary execution answer alike."""

from collections import Counter

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from tests.execution_compiled.queries import ARGUMENTS, queries
from tests.execution_compiled.world import RECORDS, Case, compiled_for

FLAGS = st.fixed_dictionaries({"p": st.booleans(), "q": st.booleans()})
ODDITIES = st.sampled_from([0.0, 0.0, 0.01, 0.05, 0.3])


@settings(max_examples=100, derandomize=True, suppress_health_check=list(HealthCheck))
@given(query=queries(), flags=st.lists(FLAGS, min_size=1, max_size=3), seed=st.integers(), oddity=ODDITIES)
def test_answers_are_the_same_to_the_byte(query: str, flags: list[dict[str, bool]], seed: int, oddity: float) -> None:
    """One document with several values of its variables: data, errors, and the order of both."""
    compiled = compiled_for(query)
    for number, variables in enumerate(flags):
        case = Case(query, variables, f"{seed}.{number}", oddity)
        assume(case.is_valid)
        ordinary = case.answer(None)
        event("without errors" if ordinary.endswith(b'"errors":[]}') else "with errors")
        assert case.answer(compiled) == ordinary
        assert case.answer(compiled) == ordinary


def test_generated_queries_reach_every_field_with_arguments() -> None:
    """A field that needs arguments is among those that the generator knows; the schema has no abstract types."""
    needed = Counter(
        f"{name}.{field}"
        for name, kind in RECORDS.items()
        for field, definition in kind.fields.items()
        for argument in definition.args.values()
        if str(argument.type).endswith("!") and argument.default_value is None
    )
    assert set(needed) <= set(ARGUMENTS)
