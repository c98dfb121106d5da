"""A subscription that several clients share: one source, one execution and one encoding an update.

`LiveStreams` opens it with its first member, carries `run` in a task and ends that when the last member has left.

Characteristics: nobody waits for anybody. A member whose socket takes no more is *behind*: what it misses is kept as
payloads, merged, and executed when the socket has drained, together for all who are behind by the same. A member that
comes late is behind by all there was. Memory: the state (or a constant) for the latecomers, and as much for those who
fell behind at one and the same update. For one event loop.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from functools import partial
from typing import Any

from schema.execution.engine import Engine, Prepared, Result, new_operation_id
from schema.execution.events import Source, execute_event, open_source
from schema.execution.records import OperationContext
from schema.live.member import Member, Pending
from schema.live.outlet import Outlet
from schema.live.sharing import Payloads, Sharing
from schema.transport.encode import encode

BURST = 250
"""Members written to before the loop has a turn: about 3 ms."""
UNSOUND_SECONDS = 5.0
"""How long a stream takes members whose first payload it cannot vouch for: enough for all who reconnect at once."""

Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


class SharedStream:
    """One source and its members."""

    def __init__(
        self,
        engine: Engine,
        prepared: Prepared,
        context: OperationContext,
        sharing: Sharing,
        *,
        spawn: Spawn,
        on_merged: Callable[[int], None],
    ) -> None:
        """`context` is the first member's; all have the same rights. `spawn` owns the tasks of members behind."""
        self.operation_id = new_operation_id()
        """Of all members: they are one execution."""
        self.last: Result = {}
        """The newest result without its data; for the members' records."""
        self._engine = engine
        self._context = context
        self._catch_up_context = context.fresh()
        self._sharing = sharing
        self._spawn = spawn
        self._on_merged = on_merged
        self._executor = engine.executor(prepared, context)
        self._opened_at = asyncio.get_running_loop().time()
        self._so_far = Pending(self._joined)
        self._entry: Pending | None = None
        self._is_sound = True
        self._current: dict[Member, None] = {}
        self._behind: dict[Member, None] = {}
        self._drained: dict[Member, None] = {}
        self._is_catching_up = False
        self._end: Result | None = None

    # ------------------------------------------------------------ members

    @property
    def takes_members(self) -> bool:
        """Whether what it can tell a newcomer is as good as what the source would."""
        if self._end is not None:
            return False
        return self._is_sound or asyncio.get_running_loop().time() - self._opened_at < UNSOUND_SECONDS

    @property
    def members(self) -> int:
        """How many have not left."""
        return len(self._current) + len(self._behind)

    @property
    def pending(self) -> int:
        """Payloads that wait for members."""
        return sum(len(waiting.payloads) for waiting in self._waiting())

    def join(self, outlet: Outlet) -> Member:
        """A member that gets everything from now on, and first what came before, as one payload."""
        if not self._so_far.payloads:
            member = Member(outlet, None)
            self._current[member] = None
            return member
        if self._entry is None:
            self._so_far.payloads[:] = self._so_far.merged()
            self._entry = Pending(self._sharing.merged, self._so_far.payloads)
        member = Member(outlet, self._entry)
        self._behind[member] = None
        self._ready(member)
        return member

    def leave(self, member: Member) -> None:
        """Nothing is written to this member any more."""
        for members in (self._current, self._behind, self._drained):
            members.pop(member, None)

    def _joined(self, payloads: Payloads) -> Payloads:
        return [self._sharing.so_far(payloads)]

    # ------------------------------------------------------------ the source

    async def run(self) -> None:
        """Execute the source's payloads and tell the members, until it ends or this is cancelled."""
        try:
            result = await self._follow()
        except asyncio.CancelledError:
            for member in (*self._current, *self._behind):
                member.ended.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - the boundary: a caller never sees a bug of ours, the log does
            result = self._engine.errors_only(error, self.operation_id)
        self._end = result
        for member in self._current:
            member.end(result)

    async def _follow(self) -> Result:
        source = await open_source(self._engine, self._executor, self.operation_id)
        if not isinstance(source, Source):
            return source
        async with aclosing(source) as payloads:
            async for payload in payloads:
                result = await self._result(payload, self._context)
                self.last = {key: value for key, value in result.items() if key != "data"}
                await self._tell(payload, encode(result))
        return {}

    async def _result(self, payload: object, context: OperationContext) -> Result:
        return await execute_event(self._engine, self._executor, payload, context.fresh(), self.operation_id)

    async def _tell(self, payload: object, encoded: bytes) -> None:
        self._so_far.add(payload)
        self._entry = None
        self._is_sound = self._is_sound and self._sharing.is_sound(payload)
        if self._behind:
            for waiting in self._waiting():
                waiting.add(payload)
        fallen: Pending | None = None
        for number, member in enumerate(list(self._current), start=1):
            if member not in self._current:
                continue
            if member.outlet.write(encoded):
                member.events += 1
            else:
                fallen = fallen or Pending(self._sharing.merged, [payload], updates=1)
                self._fall_behind(member, fallen)
            if number % BURST == 0:
                await asyncio.sleep(0)

    # ------------------------------------------------------------ who is behind

    def _waiting(self) -> set[Pending]:
        return {member.pending for member in self._behind if member.pending is not None}

    def _fall_behind(self, member: Member, pending: Pending) -> None:
        self._current.pop(member, None)
        self._behind[member] = None
        member.pending = pending
        member.outlet.when_ready(partial(self._ready, member))

    def _ready(self, member: Member) -> None:
        if member in self._behind:
            self._drained[member] = None
            if not self._is_catching_up:
                self._is_catching_up = True
                self._spawn(self._catch_up())

    async def _catch_up(self) -> None:
        """Write to those who drained, until nobody has."""
        try:
            while self._drained:
                pending = next(iter(self._drained)).pending
                members = [member for member in self._drained if member.pending is pending]
                if pending is not None:
                    await self._deliver(pending, members)
        finally:
            self._is_catching_up = False

    async def _deliver(self, pending: Pending, members: list[Member]) -> None:
        """What was pending to these members; what comes meanwhile is pending after it."""
        since = Pending(self._sharing.merged)
        for member in members:
            del self._drained[member]
            member.pending = since
        payloads = pending.merged()
        try:
            encoded = await self._all_encoded(pending, payloads)
        except Exception as error:  # noqa: BLE001 - the boundary: a caller never sees a bug of ours, the log does
            result = self._engine.errors_only(error, self.operation_id)
            for member in members:
                member.end(result)
            return
        for member in members:
            if member not in self._behind:
                continue
            sent = self._write(member, encoded)
            if sent < len(encoded):
                rest = [*payloads[sent:], *since.payloads]
                self._fall_behind(member, Pending(self._sharing.merged, rest, since.updates))
            else:
                self._on_merged(max(0, pending.updates - sent))
                self._caught_up(member, since)

    async def _all_encoded(self, pending: Pending, payloads: Payloads) -> list[bytes]:
        if pending.encoded is not None:
            return pending.encoded
        updates = pending.updates
        encoded = [encode(await self._result(payload, self._catch_up_context)) for payload in payloads]
        if pending.updates == updates:
            pending.encoded = encoded
        return encoded

    def _write(self, member: Member, encoded: list[bytes]) -> int:
        """How many of these the member took."""
        for number, each in enumerate(encoded):
            if not member.outlet.write(each):
                return number
            member.events += 1
        return len(encoded)

    def _caught_up(self, member: Member, since: Pending) -> None:
        if since.payloads:
            self._drained[member] = None
            return
        del self._behind[member]
        member.pending = None
        if self._end is None:
            self._current[member] = None
        else:
            member.end(self._end)
