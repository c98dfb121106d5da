"""A shared stream: one source for all, newcomers, those who are slow, and how it ends."""

from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from app.domain.errors import SourceError
from schema.live.stream import BURST
from tests.live.conftest import staged
from tests.live.tap import NUMBERS, Number, TapContext, settle
from tests.support.virtual_time import VIRTUAL_TIME


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """All of it is in memory."""
    return VIRTUAL_TIME


async def test_fifty_alike_are_one_source_and_one_execution_an_update() -> None:
    """And each of them is a running operation with a record of its own."""
    async with staged() as stage:
        members = [stage.join() for _ in range(50)]
        await stage.tell(Number(1), Number(2))

        assert stage.tap.opened == ["n"]
        assert stage.tap.executed == 2
        assert stage.engine.running == 50
        assert all(member.client.told == [(1, 1), (2, 1)] for member in members)
        assert all(member.client.texts[0] is members[0].client.texts[0] for member in members)
        await stage.tell(None)
        assert [record.events for record in stage.tap.records] == [2] * 50
        assert {record.operation_id for record in stage.tap.records} == {stage.tap.records[0].operation_id}
        assert stage.engine.running == stage.live.open_streams == 0


async def test_the_last_one_to_leave_closes_the_source() -> None:
    """At once, and nobody before; who comes then has a new one."""
    async with staged() as stage:
        first, second = stage.join(), stage.join()
        await stage.tell(Number(1))
        await first.leave()
        assert stage.tap.closed == []
        await second.leave()
        assert stage.tap.closed == ["n"]
        third = stage.join()
        await stage.tell(Number(5))
        assert third.client.told == [(5, 1)]
        assert stage.tap.opened == ["n", "n"]


async def test_the_last_one_may_leave_before_there_is_anything() -> None:
    """In the middle of the snapshot."""
    async with staged() as stage:
        only = stage.join()
        await settle()
        await only.leave()
        assert (stage.tap.opened, stage.tap.closed) == (["n"], ["n"])
        assert stage.tap.records[0].events == 0


@pytest.mark.parametrize(
    ("query", "role", "variables"),
    [
        (NUMBERS, "reader", {"name": "other"}),
        (NUMBERS, "admin", {}),
        (NUMBERS.replace("merged", "merged  "), "reader", {}),
    ],
)
async def test_what_is_not_alike_is_not_shared(query: str, role: str, variables: dict[str, Any]) -> None:
    """Other variables, other rights, another document."""
    async with staged() as stage:
        stage.join()
        stage.join(query, role, **variables)
        await settle()
        assert len(stage.tap.opened) == 2


async def test_fields_decide_by_their_arguments_whether_they_are_shared() -> None:
    """Whatever is not shared is executed as ever."""
    async with staged() as stage:
        alone = stage.prepared("subscription{numbers(alone: true){sequence}}")
        assert stage.live.shared(alone, TapContext(stage.tap)) is None
        fragment = stage.prepared("subscription{...on Subscription{numbers{sequence}}}")
        assert stage.live.shared(fragment, TapContext(stage.tap)) is None


async def test_latecomers_get_what_there_was_and_then_the_same_as_all() -> None:
    """Those who come between two updates are executed together."""
    async with staged() as stage:
        early = stage.join()
        await stage.tell(Number(1), Number(2), Number(3))
        late = [stage.join() for _ in range(10)]
        await settle()
        assert stage.tap.executed == 4
        await stage.tell(Number(4))

        assert early.client.told == [(1, 1), (2, 1), (3, 1), (4, 1)]
        assert all(member.client.told == [(3, 3), (4, 1)] for member in late)
        latest = stage.join()
        await settle()
        assert latest.client.told == [(4, 4)]
        assert stage.merged == [0] * 11


async def test_latecomer_does_not_take_what_the_stream_spent_for_its_next_event() -> None:
    """The cost that an event tells is its own."""
    async with staged() as stage:
        early = stage.join()
        await stage.tell(Number(1))
        late = stage.join()
        await stage.tell(Number(2))
        assert [message["extensions"]["cost"] for message in early.client.messages] == [1, 1]
        assert [message["extensions"]["cost"] for message in late.client.messages] == [0, 1]


async def test_who_is_slow_gets_the_newest_and_nobody_waits_for_it() -> None:
    """`merged` is the jump of a sequence; then it is one of all again."""
    async with staged() as stage:
        quick, slow = stage.join(), stage.join()
        await stage.tell(Number(1))
        slow.client.full = True
        await stage.tell(Number(2), Number(3), Number(4))
        assert quick.client.told == [(n, 1) for n in (1, 2, 3, 4)]
        assert slow.client.told == [(1, 1)]
        slow.client.drain()
        await stage.tell(Number(5))

        assert slow.client.told == [(1, 1), (4, 3), (5, 1)]
        assert stage.merged == [2]


async def test_members_behind_by_the_same_are_executed_together() -> None:
    """However many sockets were slow."""
    async with staged() as stage:
        slow = [stage.join() for _ in range(20)]
        await stage.tell(Number(1))
        for member in slow:
            member.client.full = True
        await stage.tell(*(Number(n) for n in range(2, 100)))
        assert stage.tap.executed == 99
        for member in slow:
            member.client.drain()
        await settle()

        assert stage.tap.executed == 100
        assert all(member.client.told == [(1, 1), (99, 98)] for member in slow)


async def test_second_slow_member_gets_what_came_after_the_first_had_drained() -> None:
    """Both were behind by the same, which was executed for the first; then there was more."""
    async with staged() as stage:
        first, second = stage.join(), stage.join()
        await stage.tell(Number(1))
        first.client.full = second.client.full = True
        await stage.tell(Number(2))
        first.client.drain()
        await stage.tell(Number(3))
        assert first.client.told == [(1, 1), (2, 1), (3, 1)]
        second.client.drain()
        await settle()
        assert second.client.told == [(1, 1), (3, 2)]


async def test_member_that_leaves_while_the_others_are_told_is_not_written_to() -> None:
    """A thousand are told in several turns of the loop, and between two of them anybody may go."""
    async with staged() as stage:
        members = [stage.join() for _ in range(BURST + 2)]
        await stage.tell(Number(1))
        leaving, full = members[-2:]
        full.client.full = True
        for member in (leaving, full):
            members[0].client.on_write.append(member.task.cancel)
        await stage.tell(Number(2))

        assert members[-3].client.told == [(1, 1), (2, 1)]
        assert leaving.client.told == [(1, 1)]
        assert stage.live.members == BURST
        assert stage.live.pending == 0


async def test_execution_that_waits_keeps_the_order() -> None:
    """Updates and a member's catching up overlap where resolvers wait."""
    query = "subscription{numbers{sequence merged awaited}}"
    async with staged() as stage:
        quick, slow = stage.join(query), stage.join(query)
        await stage.tell(Number(1))
        slow.client.full = True
        for number in range(2, 40):
            stage.tap.put(Number(number))
            await settle()
            if number % 5 == 0:
                slow.client.drain()
                stage.tap.put(Number(number))
            slow.client.full = number % 7 == 0
        slow.client.drain()
        await settle()

        told = slow.client.told
        assert [sequence for sequence, _ in told] == sorted(sequence for sequence, _ in told)
        assert sum(count for _, count in told) == sum(count for _, count in quick.client.told)
        assert told[-1][0] == 39


@pytest.mark.parametrize(("full_again", "told"), [(False, [(1, 1), (3, 2), (4, 1)]), (True, [(1, 1), (4, 3)])])
async def test_update_during_catching_up_comes_after_it(full_again: bool, told: list[tuple[int, int]]) -> None:  # noqa: FBT001 - a parameter of the test
    """Or with it, if the socket was full again by then."""
    async with staged() as stage:
        slow = stage.join("subscription{numbers{sequence merged awaited}}")
        await stage.tell(Number(1))
        slow.client.full = True
        await stage.tell(Number(2), Number(3))
        slow.client.drain()
        stage.tap.put(Number(4))
        await anyio.sleep(0.03)
        slow.client.full = full_again
        await settle()
        slow.client.drain()
        await settle()
        assert slow.client.told == told


async def test_the_end_comes_after_what_was_pending() -> None:
    """To each member in its own time, and it says nothing more than that it is the end."""
    async with staged() as stage:
        quick, slow = stage.join(), stage.join()
        await stage.tell(Number(1))
        slow.client.full = True
        await stage.tell(Number(2), Number(3), None)
        assert quick.client.last == {}
        assert slow.client.last is None
        slow.client.drain()
        await settle()
        assert slow.client.told == [(1, 1), (3, 2)]
        assert slow.client.last == {}


async def test_source_that_refuses_refuses_all() -> None:
    """With the domain's error, as without sharing."""
    async with staged() as stage:
        members = [stage.join(name="refused") for _ in range(3)]
        await settle()
        for member in members:
            assert member.client.last == {"errors": [member.client.error]}
            assert member.client.error["extensions"]["code"] == "FORBIDDEN"
        assert [record.error_codes for record in stage.tap.records] == [("FORBIDDEN",)] * 3


@pytest.mark.parametrize(
    ("error", "code", "lines"), [(SourceError("down"), "SOURCE_ERROR", 0), (RuntimeError("hunter2"), "INTERNAL", 1)]
)
async def test_source_that_breaks_ends_all_and_is_logged_once(error: Exception, code: str, lines: int) -> None:
    """What was sent stays sent; a bug is masked, with the id that the log has."""
    with capture_logs() as logs:
        async with staged() as stage:
            members = [stage.join() for _ in range(3)]
            await stage.tell(Number(1), error)
            results = [member.client.last for member in members]
            assert all(member.client.told == [(1, 1)] for member in members)

    assert len(logs) == lines
    for result in results:
        assert code in str(result)
        assert "hunter2" not in str(result)
        assert all(line["operation_id"] in str(result) for line in logs)


async def test_stream_takes_nobody_for_long_once_its_past_is_not_sound() -> None:
    """Five seconds for those who reconnect at once; then newcomers have a source of their own, and share that."""
    async with staged() as stage:
        first = stage.join()
        await stage.tell(Number(-1))
        stage.join()
        await settle()
        assert len(stage.tap.opened) == 1
        for _ in range(60):
            await settle()
        stage.join()
        await settle()
        assert len(stage.tap.opened) == 2
        await stage.tell(Number(7))
        late = stage.join()
        await settle()
        assert len(stage.tap.opened) == 2
        assert late.client.told == [(7, 1)]
        assert first.client.told == [(-1, 1), (7, 1)]


async def test_closing_the_service_ends_streams_without_a_word() -> None:
    """Clients connect again elsewhere; the sources are closed."""
    async with staged() as stage:
        member = stage.join()
        await stage.tell(Number(1))
        leaving = member
    assert leaving.client.last is None
    assert stage.tap.closed == ["n"]
    assert stage.live.shared(stage.prepared(), TapContext(stage.tap)) is None
