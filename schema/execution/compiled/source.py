"""From a plan to Python: one function that takes an object and what its computed fields are bound to.

    def Candle(o, b):
        if type(o) not in plain: admit(o)
        v = o.open
        v0 = v if type(v) is float and v - v == 0.0 else rare_0(v)
        ...
        return {"open": v0, ...}

It raises for whatever is not plainly right. Names in the text are response keys and attributes, which are letters,
digits and underscores; everything else reaches it through its namespace. Called by `selection`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Protocol

from schema.execution.chunks import EncodedChunks
from schema.execution.compiled.leaves import Form, Forms
from schema.execution.compiled.plan import Attribute, Computed, Constant, Field, Leaf, Nested, Record
from schema.execution.compiled.values import PlainClasses, column, finite, rare

Bound = tuple[object, ...]
"""What the computed fields of a record and of those below are bound to, for one list or lone object."""


class Below(Protocol):
    """What the function of a record needs of a record nested in it."""

    def one(self, item: object, bound: Bound) -> object:
        """One object, written."""
        ...

    def rows(self, items: object, bound: Bound) -> object:
        """A list of objects."""
        ...

    def rows_or_none(self, items: object, bound: Bound) -> object:
        """A list of objects and Nones."""
        ...

    def bind(self, context: object) -> Bound:
        """What to hand over as `bound`."""
        ...


class Text:
    """The text of one record's function, the names that it refers to, and what its `b` is made of."""

    def __init__(
        self, record: Record, forms: Forms, plain: PlainClasses, below: Mapping[str, Below], chunks: EncodedChunks
    ) -> None:
        """`below` has the records directly below by their keys."""
        self.names: dict[str, object] = {"plain": plain, "admit": plain.admit}
        self.binds: list[Callable[[object], object]] = []
        self._forms = forms
        self._below = below
        self._chunks = chunks
        lines = [f"def {record.type_name}(o, b):", "    if type(o) not in plain: admit(o)"]
        entries = []
        for index, field in enumerate(record.fields):
            if isinstance(field.source, Constant):
                entries.append(f'"{field.key}": "{field.source.text}"')
            else:
                lines.append(f"    v = {self._read(field.source)}")
                lines.append(f"    v{index} = {self._written(field, index)}")
                entries.append(f'"{field.key}": v{index}')
        self.text = "\n".join([*lines, f"    return {{{', '.join(entries)}}}", ""])

    def _read(self, source: Attribute | Computed) -> str:
        """The value of the field, before it is checked."""
        return f"o.{source.name}" if isinstance(source, Attribute) else f"{self._bound(source.bind)}(o)"

    def _bound(self, bind: Callable[[object], object]) -> str:
        self.binds.append(bind)
        return f"b[{len(self.binds) - 1}]"

    def _written(self, field: Field, index: int) -> str:
        """The expression that checks and writes the value in `v`."""
        value = field.value
        if value is None:
            return "v"
        if isinstance(value, Leaf):
            written = self._leaf(value, index)
        elif isinstance(value, Nested):
            written = self._record(value.record, "one", index)
        elif isinstance(value.item, Nested):
            written = self._record(value.item.record, "rows_or_none" if value.item.nullable else "rows", index)
        else:
            written = self._column(value.item, index)
        return f"None if v is None else {written}" if value.nullable else written

    def _leaf(self, leaf: Leaf, index: int) -> str:
        rarely = f"rare_{index}"
        self.names[rarely] = rare(leaf)
        form = self._forms.form(leaf.type)
        if form is None:
            return f"{rarely}(v)"
        return f"{self._named(form, form.text, index)} if {self._named(form, form.test, index)} else {rarely}(v)"

    def _named(self, form: Form, text: str, index: int) -> str:
        """The text with the form's own names made this field's."""
        for name, value in form.names.items():
            text, count = re.subn(rf"\b{name}\b", f"{name}_{index}", text)
            if count:
                self.names[f"{name}_{index}"] = value
        return text

    def _column(self, leaf: Leaf, index: int) -> str:
        form = self._forms.form(leaf.type)
        write = column(leaf, form.plain, form.check) if form else column(leaf)
        if form and form.plain in {int, float} and form.check in {None, finite}:
            write = self._chunks.column(write)
        self.names[f"column_{index}"] = write
        return f"column_{index}(v)"

    def _record(self, record: Record, way: str, index: int) -> str:
        below = self._below[record.key]
        self.names[f"{way}_{index}"] = getattr(below, way)
        bound = "()" if record.is_pure else self._bound(below.bind)
        return f"{way}_{index}(v, {bound})"
