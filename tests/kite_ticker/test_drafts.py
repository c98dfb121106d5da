"""What a quick constructor builds is in nothing different from what the class itself builds."""

import pickle
from dataclasses import FrozenInstanceError, fields, replace

import pytest

from app.domain.drafts import quick_constructor, quick_replacer
from app.domain.quotes import DepthLevel, Quote
from app.domain.ticks import Tick


@pytest.mark.parametrize("kind", [DepthLevel, Quote, Tick])
def test_a_draft_becomes_the_real_thing(kind: type[DepthLevel | Quote | Tick]) -> None:
    """Same class, same values in the same fields, same hash, same picture, and as frozen."""
    values = range(len(fields(kind)))
    real, quick = kind(*values), quick_constructor(kind)(*values)
    assert type(quick) is kind
    assert quick == real
    assert hash(quick) == hash(real)
    assert repr(quick) == repr(real)
    assert pickle.loads(pickle.dumps(quick)) == real  # noqa: S301 -- our own bytes
    with pytest.raises(FrozenInstanceError):
        quick.__setattr__(fields(kind)[0].name, 1)


def test_defaults_and_keywords_are_those_of_the_class() -> None:
    build = quick_constructor(DepthLevel)
    assert build(1.0, orders=None, quantity=2) == DepthLevel(1.0, 2, None)
    with pytest.raises(TypeError, match="missing 1 required"):
        build(1.0, 2)  # type: ignore[call-arg]
    quick, real = ((kind("NSE:A", 1.0, None, None)) for kind in (quick_constructor(Quote), Quote))  # type: ignore[arg-type]
    assert quick == real


def test_a_replacer_changes_its_fields_and_no_other() -> None:
    """As dataclasses.replace does; the original stays as it was."""
    level = DepthLevel(1.0, 2, 3)
    changed = quick_replacer(DepthLevel, "orders", "price")(level, None, 4.0)
    assert (changed, level) == (replace(level, price=4.0, orders=None), DepthLevel(1.0, 2, 3))
    assert type(changed) is DepthLevel
    with pytest.raises(ValueError, match="shorter"):
        quick_replacer(DepthLevel, "orders", "price")(level, None)
