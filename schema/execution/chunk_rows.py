"""The JSON of a chunk's bars, written column by column: five times as fast as bar by bar, and the same bytes.

Comes in: the plan of a record whose fields are leaves, and chunks. Goes out: one text a bar. Made by a compiled
selection when chunks are first asked of it.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

import orjson

from app.domain.candle_chunks import CandleChunk
from app.domain.time import IST
from schema.execution.compiled.leaves import Forms
from schema.execution.compiled.plan import Attribute, Constant, Field, Leaf, Record
from schema.execution.compiled.values import Unexpected, column
from schema.types.scalars import write_instant

ColumnWriter: TypeAlias = Callable[[Any], list[object]]
"""Writes a list of leaves. Raises for values that ordinary execution has to look at."""


class ChunkRows:
    """Raises Unexpected, as whatever is compiled, for what ordinary execution has to look at."""

    def __init__(self, record: Record, forms: Forms) -> None:
        entries = []
        self._columns: list[tuple[str, ColumnWriter]] = []
        for field in record.fields:
            if isinstance(field.source, Constant):
                entries.append(f'"{field.key}":"{field.source.text}"')
                continue
            name, leaf = _leaf(field)
            self._columns.append((name, _writer(leaf, forms)))
            entries.append(f'"{field.key}":%b')
        self._template = f"{{{','.join(entries)}}}".encode()

    def texts(self, chunk: CandleChunk) -> list[bytes]:
        """The JSON of each bar."""
        if not self._columns:
            return [self._template] * len(chunk)
        columns = [_texts(write(chunk.column(name))) for name, write in self._columns]
        if any(len(texts) != len(chunk) for texts in columns):
            raise Unexpected(self._template)
        return [self._template % row for row in zip(*columns, strict=True)]


def _leaf(field: Field) -> tuple[str, Leaf]:
    if not isinstance(field.source, Attribute) or not isinstance(field.value, Leaf):
        raise Unexpected(field)
    return field.source.name, field.value


def _writer(leaf: Leaf, forms: Forms) -> ColumnWriter:
    """What orjson writes as ordinary execution writes the values."""
    if leaf.type.coerce_output_value is write_instant:
        return _instants
    form = forms.form(leaf.type)
    return column(leaf, form.plain, form.check) if form else column(leaf)


def _instants(values: list[datetime]) -> list[object]:
    """Orjson writes an instant as `isoformat` does, in a fifth of the time."""
    return [value.astimezone(IST) for value in values]


def _texts(values: list[object]) -> list[bytes]:
    """The JSON of each number, instant or name of an enum: none has a comma in it."""
    return orjson.dumps(values)[1:-1].split(b",") if values else []
