"""A compiled selection: the function of a record's plan, for one object and for a list of them."""

from collections.abc import Callable, Mapping
from typing import Any

from app.domain.candle_chunks import CandleChunk
from app.domain.chunked_candles import ChunkedCandles
from app.domain.quotes import Quote
from schema.execution.chunk_rows import ChunkRows
from schema.execution.chunks import EncodedChunks
from schema.execution.compiled.leaves import Forms
from schema.execution.compiled.plan import Record
from schema.execution.compiled.source import Below, Bound, Text
from schema.execution.compiled.values import PlainClasses, Unexpected
from schema.execution.kept_quotes import EncodedQuotes

Row = dict[str, object]

SELECTION_BYTES, FIELD_BYTES, TEXT_COPIES = 2_000, 700, 2
"""What a selection takes, what each of its fields does, and how often its key and its text are there: names of fields
stand in the plan, in the text, and in the function's constants."""


class Selection:
    """What one record type's selection compiles to. Immutable; shared by all documents that select the same.

    Everything that it does raises for a value that is not plainly right; ordinary execution then says what is wrong.
    """

    __slots__ = ("_bind", "_chunks", "_forms", "_one", "_quotes", "_record", "_rows", "is_pure", "key", "size", "text")

    def __init__(
        self,
        record: Record,
        forms: Forms,
        plain: PlainClasses,
        below: Mapping[str, Below],
        chunks: EncodedChunks,
        quotes: EncodedQuotes,
    ) -> None:
        """`below` has the selections of the records directly below, by their keys."""
        written = Text(record, forms, plain, below, chunks)
        self.key = record.key
        """The selection in one text: a key for whatever is kept by selection."""
        self.is_pure = record.is_pure
        """The answer depends on the objects alone: it may be kept as long as they do not change."""
        self.size = record.size
        self.text = written.text
        self._bind = tuple(written.binds)
        self._chunks, self._forms, self._record = chunks, forms, record
        self._rows: ChunkRows | None = None
        self._quotes = quotes
        self._one = _function(written, record.type_name)

    @property
    def memory(self) -> int:
        """About the bytes that it takes, without the selections below."""
        return SELECTION_BYTES + FIELD_BYTES * len(self._record.fields) + TEXT_COPIES * (len(self.key) + len(self.text))

    def of_one(self, item: object, context: object) -> Row:
        """The fields of an object."""
        return self._one(item, self.bind(context))

    def of_list(self, items: Any, context: object, *, nullable: bool = False) -> object:
        """The fields of each object of a list or tuple, or what is kept of chunks. With `nullable`, None for None."""
        return (self.rows_or_none if nullable else self.rows)(items, self.bind(context))

    def texts(self, chunk: CandleChunk) -> list[bytes]:
        """The JSON of each bar of a chunk, as of `of_one`."""
        if self._rows is None:
            self._rows = ChunkRows(self._record, self._forms)
        return self._rows.texts(chunk)

    def bind(self, context: object) -> Bound:
        """What the computed fields need of the context, read once for a list."""
        return tuple([bind(context) for bind in self._bind])

    @property
    def one(self) -> Callable[[object, Bound], Row]:
        """The generated function."""
        return self._one

    def rows(self, items: Any, bound: Bound) -> object:
        """Each of a list of objects."""
        if type(items) is not list and type(items) is not tuple:
            return self._encoded(items)
        if self.is_pure and items and type(items[0]) is Quote:
            return self._quotes.rows(items, self)
        one = self._one
        return [one(item, bound) for item in items]

    def rows_or_none(self, items: Any, bound: Bound) -> object:
        """Each of a list of objects and Nones."""
        if type(items) is not list and type(items) is not tuple:
            return self._encoded(items)
        if self.is_pure and items and type(items[0]) is Quote:
            return self._quotes.rows(items, self)
        one = self._one
        return [None if item is None else one(item, bound) for item in items]

    def _encoded(self, items: object) -> object:
        if self.is_pure and isinstance(items, ChunkedCandles):
            return self._chunks.rows(items, self)
        raise Unexpected(items)


class _Source:
    """Gives the text of a generated function to tracebacks: `linecache` asks the module's loader."""

    def __init__(self, text: str) -> None:
        self._text = text

    def get_source(self, name: str) -> str:  # noqa: ARG002 - one function, one source
        """The text."""
        return self._text


def _function(written: Text, name: str) -> Callable[[object, Bound], Row]:
    file = f"selection of {name}"
    names: dict[str, Any] = {**written.names, "__name__": file, "__loader__": _Source(written.text)}
    exec(compile(written.text, file, "exec"), names)  # noqa: S102 - our own text, of names that graphql-core lexed
    # Left there it would hold itself, until the cyclic collector comes.
    made: Callable[[object, Bound], Row] = names.pop(name)
    return made
