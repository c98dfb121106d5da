"""The shared subscriptions of a service: which operations are alike, and the tasks that carry their streams.

The transports ask `shared` for each subscription; `app.main` opens it with the service. Two operations are alike if
their document's text, operation name, variables, extensions and rights are.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Hashable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import orjson
from graphql import FieldNode, GraphQLError
from graphql.execution.values import get_argument_values

from schema.execution.engine import Engine, Prepared, Result
from schema.execution.failures import log_bug
from schema.execution.records import OperationContext
from schema.live.outlet import Outlet
from schema.live.sharing import Sharing, SharingOf
from schema.live.stream import SharedStream

Key = tuple[str, str | None, bytes, Hashable]

Serve = Callable[[Outlet], Awaitable[Result]]
"""Joins a stream until it ends, and returns its last result: its errors, or nothing. Cancelling it leaves the stream:
nothing is written to the outlet after that."""


def _uncounted(_: int) -> None:
    """Nobody counts."""


class LiveStreams:
    """Streams by what they were asked with. While it is not open nothing is shared."""

    def __init__(
        self,
        engine: Engine,
        fields: Mapping[str, SharingOf],
        *,
        rights: Callable[[Any], Hashable],
        on_merged: Callable[[int], None] = _uncounted,
    ) -> None:
        """`fields`: the fields of Subscription that are shared. `rights` of a context: what its results depend on.

        `on_merged` is told how many updates a slow member did not get one by one.
        """
        self._engine = engine
        self._fields = fields
        self._rights = rights
        self._on_merged = on_merged
        self._streams: dict[Key, SharedStream] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._carriers: dict[SharedStream, asyncio.Task[None]] = {}

    @property
    def open_streams(self) -> int:
        """Streams whose source is open."""
        return len(self._carriers)

    @property
    def members(self) -> int:
        """Clients of streams whose source is open."""
        return sum(stream.members for stream in self._carriers)

    @property
    def pending(self) -> int:
        """Payloads that wait for clients that are slow; what several wait for is counted once."""
        return sum(stream.pending for stream in self._carriers)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Carries the streams; those that are left at the end are ended without a word to their members."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                yield
            finally:
                self._tasks = None
                for task in self._running:
                    task.cancel()

    def shared(self, prepared: Prepared, context: OperationContext) -> "Serve | None":
        """What serves the operation as a member of a stream; None if it must be executed on its own."""
        sharing = self._sharing(prepared) if self._tasks is not None else None
        if sharing is None:
            return None
        request = prepared.request
        given = [request.variables or {}, request.extensions or {}]
        asked = orjson.dumps(given, option=orjson.OPT_SORT_KEYS)
        key = (request.query, prepared.operation.name, asked, self._rights(context))
        return partial(self._serve, key, prepared, context, sharing)

    def _sharing(self, prepared: Prepared) -> Sharing | None:
        (root, *others) = prepared.operation.node.selection_set.selections
        if others or not isinstance(root, FieldNode):
            return None
        sharing_of = self._fields.get(root.name.value)
        if sharing_of is None:
            return None
        try:
            arguments = get_argument_values(self._engine.subscription_field(root.name.value), root, prepared.variables)
        except GraphQLError:
            return None  # executing it says what is wrong
        return sharing_of(arguments)

    async def _serve(
        self, key: Key, prepared: Prepared, context: OperationContext, sharing: Sharing, outlet: Outlet
    ) -> Result:
        stream = self._streams.get(key)
        if stream is None or not stream.takes_members:
            stream = self._streams[key] = self._open(key, prepared, context, sharing)
        member = stream.join(outlet)
        result: Result = {}
        self._engine.running += 1
        try:
            result = await member.ended
        finally:
            self._engine.running -= 1
            stream.leave(member)
            if not stream.members:
                self._close(key, stream)
            self._engine.finish(prepared, stream.operation_id, result or stream.last, member.events)
        return result

    # ------------------------------------------------------------ streams and their tasks

    def _open(self, key: Key, prepared: Prepared, context: OperationContext, sharing: Sharing) -> SharedStream:
        stream = SharedStream(self._engine, prepared, context, sharing, spawn=self._spawn, on_merged=self._on_merged)
        self._carriers[stream] = self._spawn(self._carry(key, stream))
        return stream

    async def _carry(self, key: Key, stream: SharedStream) -> None:
        try:
            await stream.run()
        finally:
            self._forget(key, stream)
            self._carriers.pop(stream, None)

    def _close(self, key: Key, stream: SharedStream) -> None:
        """The last member has left: the source is closed, and with it what it holds upstream."""
        self._forget(key, stream)
        carrier = self._carriers.get(stream)
        if carrier is not None:
            carrier.cancel()

    def _forget(self, key: Key, stream: SharedStream) -> None:
        if self._streams.get(key) is stream:
            del self._streams[key]

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        if self._tasks is None:
            work.close()
            raise asyncio.CancelledError
        task = self._tasks.create_task(_supervised(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


async def _supervised(work: Coroutine[Any, Any, None]) -> None:
    """One stream's bug must not end the others."""
    try:
        await work
    except Exception as error:  # noqa: BLE001 - the boundary of a stream
        log_bug(error, "")
