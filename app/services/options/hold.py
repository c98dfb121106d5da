"""What a live chain keeps in the stream: its options, while they are around the money. Used by `chain`."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Protocol, Self

from app.domain.instruments import Instrument
from app.domain.quotes import StreamMode


class Box(Protocol):
    """Where changes of what is streamed arrive."""

    async def take(self) -> object:
        """Wait until something changed since the last take."""
        ...


class Stream(Protocol):
    """The live feed."""

    def quote_stream(self, instruments: Sequence[Instrument], mode: StreamMode) -> AbstractContextManager[Box]:
        """Stream these while the context is open."""
        ...


class Hold:
    """A place in the stream for a set of instruments that may change. A context manager; for one task."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._held: frozenset[str] = frozenset()
        self._box: Box | None = None
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        """Nothing is held yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of everything."""
        self._opened.close()

    def take(self, instruments: Sequence[Instrument]) -> bool:
        """Hold exactly these; whether they are others than before."""
        wanted = frozenset(each.id for each in instruments)
        if wanted == self._held and self._box is not None:
            return False
        before, self._opened = self._opened, ExitStack()
        # The new ones first: what is in both sets never leaves the stream.
        with before:
            self._box = self._opened.enter_context(self._stream.quote_stream(instruments, StreamMode.FULL))
        self._held = wanted
        return True

    async def changed(self) -> None:
        """Wait until one of them has changed since the last wait. Raises RuntimeError where nothing is held."""
        if self._box is None:
            msg = "nothing is held"
            raise RuntimeError(msg)
        await self._box.take()
