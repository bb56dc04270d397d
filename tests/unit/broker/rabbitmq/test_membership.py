from __future__ import annotations

import asyncio
from collections.abc import Callable

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from tests.contracts.coordination_double import FakeCoordination

from twicetold.broker.rabbitmq import membership
from twicetold.broker.rabbitmq.membership import Membership
from twicetold.errors import Unavailable

pytestmark = pytest.mark.unit

GROUP = "group"
PARTITIONS = [f"audio.{number}" for number in range(6)]


class FakeHolder:
    """Notes what it is told, among what the store is asked."""

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.held: dict[str, int | None] = {}
        self.released: dict[str, int] = {}
        self.can_read = True

    def gained(self, partition: str, position: int | None) -> None:
        assert partition not in self.held
        self.held[partition] = position
        self.calls.append(f"gained {partition}")

    def lost(self, partition: str) -> None:
        del self.held[partition]
        self.calls.append(f"lost {partition}")

    def positions(self) -> dict[str, int]:
        return {p: at for p, at in self.released.items() if p in self.held}

    def able(self) -> bool:
        return self.can_read


class Group:
    """Members of one group, whose rounds a test calls, on a clock that it sets."""

    def __init__(self, partitions: list[str] | None = None) -> None:
        self.now = 0.0
        self.partitions = PARTITIONS if partitions is None else partitions
        self.store = FakeCoordination(lambda: self.now)

    def join(self) -> tuple[Membership, FakeHolder]:
        holder = FakeHolder(self.store.calls)
        member = Membership(self.store, GROUP, self.partitions, holder, lambda: self.now)
        return member, holder


async def turns(*members: Membership, rounds: int = 3) -> None:
    for _ in range(rounds):
        for member in members:
            await member.round()


# --- sharing -----------------------------------------------------------------------


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from(["join", "leave", "die"]), st.integers(0, 7)), max_size=12),
    st.integers(1, 14),
)
def test_only_what_must_move_moves(changes: list[tuple[str, int]], count: int) -> None:
    asyncio.run(_live_through(changes, [f"p{number}" for number in range(count)]))


async def _live_through(changes: list[tuple[str, int]], partitions: list[str]) -> None:
    group = Group(partitions)
    members = [group.join()]
    await turns(members[0][0])
    for change, which in changes:
        before = {p: holder for _, holder in members for p in holder.held}
        gone: list[FakeHolder] = []
        if change == "join":
            members.append(group.join())
        elif len(members) > 1:
            member, holder = members.pop(which % len(members))
            gone.append(holder)
            if change == "leave":
                await member.aclose({})
            else:
                member.abandon()
                for _ in range(4):  # the others go on until its time has run out
                    group.now += 1.0
                    await turns(*(each for each, _ in members), rounds=1)
        await turns(*(each for each, _ in members))
        after = {p: holder for _, holder in members for p in holder.held}
        assert sorted(after) == sorted(partitions)
        loads = [len(holder.held) for _, holder in members]
        assert max(loads) - min(loads) <= 1
        newcomer = members[-1][1] if change == "join" else None
        for partition, holder in before.items():
            assert after[partition] in (holder, newcomer) or holder in gone


async def test_what_is_handed_over_is_noted_before_another_may_take_it() -> None:
    group = Group()
    first, one = group.join()
    await turns(first)
    one.released = dict.fromkeys(PARTITIONS, 7)
    second, other = group.join()
    await second.round()
    group.store.calls.clear()
    await first.round()
    assert [call.split()[0] for call in group.store.calls] == [
        "beat", "lost", "lost", "lost", "advance", "yield_up",
    ]  # fmt: skip
    await second.round()
    assert set(other.held.values()) == {7}
    assert len(other.held) == 3


async def test_a_member_asks_once_a_round_when_all_is_shared_out() -> None:
    group = Group()
    (first, _), (second, _) = group.join(), group.join()
    await turns(first, second)
    group.store.calls.clear()
    await turns(first, second, rounds=5)
    assert group.store.calls == ["beat"] * 10


async def test_more_members_than_partitions_leave_some_without_and_content() -> None:
    group = Group()
    members = [group.join() for _ in range(9)]
    await turns(*(each for each, _ in members))
    assert sorted(len(holder.held) for _, holder in members) == [0] * 3 + [1] * 6
    assert not any([await each.round() for each, _ in members])


# --- losing --------------------------------------------------------------------------


async def test_a_member_that_slept_gives_everything_up_before_it_knows_more() -> None:
    group = Group()
    member, holder = group.join()
    await turns(member)
    assert member.look()
    group.now += 2.9
    assert member.look()
    group.now += 0.2
    assert not member.look()
    assert holder.held == {}
    await member.round()  # nobody else was there
    assert sorted(holder.held) == PARTITIONS


async def test_what_another_took_meanwhile_is_not_taken_back() -> None:
    group = Group()
    sleeper, one = group.join()
    await turns(sleeper)
    one.released = {"audio.0": 5}
    group.now += 40.0
    other, two = group.join()
    await turns(other)
    assert sorted(two.held) == PARTITIONS
    assert not sleeper.look()
    await turns(other, sleeper)
    assert len(one.held) == len(two.held) == 3
    assert not set(one.held) & set(two.held)


async def test_what_a_forgetful_store_gave_to_another_is_lost() -> None:
    group = Group()
    (first, one), (second, two) = group.join(), group.join()
    await turns(first)
    group.store.holders.clear()
    await turns(second, first, rounds=1)
    assert not set(one.held) & set(two.held)
    await turns(second, first)
    assert len(one.held) == len(two.held) == 3


async def test_what_runs_out_before_its_positions_are_known_is_not_gained() -> None:
    group = Group()
    member, holder = group.join()
    known, positions = asyncio.Event(), group.store.positions

    async def slow(name: str) -> dict[str, int]:
        await known.wait()
        return await positions(name)

    group.store.positions = slow  # type: ignore[method-assign]
    asking = asyncio.create_task(member.round())
    await asyncio.sleep(0.01)
    group.now += 3.5
    known.set()
    assert await asking
    assert holder.held == {}


async def test_an_answer_that_comes_too_late_gives_nothing() -> None:
    group = Group()
    member, holder = group.join()
    group.store.reachable.clear()
    asking = asyncio.create_task(member.round())
    await asyncio.sleep(0)
    group.now += 40.0
    group.store.reachable.set()
    assert await asking
    assert holder.held == {}
    await member.round()
    assert sorted(holder.held) == PARTITIONS


async def test_what_ran_out_while_it_asked_is_lost_though_it_is_its_own_again() -> None:
    group = Group()
    member, holder = group.join()
    await turns(member)
    group.now += 2.5
    group.store.reachable.clear()
    asking = asyncio.create_task(member.round())
    await asyncio.sleep(0)
    group.now += 1.0
    group.store.calls.clear()
    group.store.reachable.set()
    await asking
    assert sorted(call for call in group.store.calls if "audio" in call) == sorted(
        f"{what} {partition}" for what in ("lost", "gained") for partition in PARTITIONS
    )
    assert sorted(holder.held) == PARTITIONS
    group.now += 2.1  # its time counts from when it asked
    assert not member.look()


async def test_all_is_lost_while_the_store_is_away_and_comes_back_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"_TTL_S": 0.2, "_BEAT_S": 0.02, "_HUNGRY_BEAT_S": 0.02}.items():
        monkeypatch.setattr(membership, name, value)
    store = FakeCoordination()
    holder = FakeHolder(store.calls)
    member = Membership(store, GROUP, PARTITIONS, holder)
    member.begin()
    await until(lambda: len(holder.held) == 6)
    store.reachable.clear()
    await until(lambda: not holder.held)
    store.reachable.set()
    await until(lambda: len(holder.held) == 6)
    await member.aclose({"audio.1": 4})
    assert store.members[GROUP] == store.holders[GROUP] == {}
    assert store.stored[GROUP] == {"audio.1": 4}


async def test_who_cannot_read_lets_others_try() -> None:
    group = Group()
    (first, one), (second, two) = group.join(), group.join()
    await turns(first, second)
    one.can_read = False
    await turns(first, second, rounds=1)
    assert one.held == {}
    assert sorted(two.held) == PARTITIONS
    one.can_read = True
    await turns(first, second)
    assert len(one.held) == 3


# --- positions -----------------------------------------------------------------------


async def test_positions_are_noted_once_for_many_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "_ADVANCE_S", 0.02)
    group = Group()
    member, holder = group.join()
    await turns(member)
    group.store.calls.clear()
    for position in range(50):
        holder.released["audio.2"] = position
        member.moved()
    await until(lambda: group.store.stored[GROUP] == {"audio.2": 49})
    member.moved()  # nothing has
    await asyncio.sleep(0.05)
    assert group.store.calls == ["advance"]


async def test_positions_that_the_store_did_not_take_are_noted_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(membership, "_ADVANCE_S", 0.02)
    group = Group()
    member, holder = group.join()
    await turns(member)
    take, refused = group.store.advance, 0

    async def refuse(*_: object) -> None:
        nonlocal refused
        refused += 1
        raise Unavailable("The store is away.")

    monkeypatch.setattr(group.store, "advance", refuse)
    holder.released["audio.3"] = 9
    member.moved()
    await until(lambda: refused >= 2)
    monkeypatch.setattr(group.store, "advance", take)
    await until(lambda: group.store.stored[GROUP] == {"audio.3": 9})


async def test_a_store_that_was_emptied_learns_the_positions_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(membership, "_ADVANCE_S", 0.02)
    group = Group()
    member, holder = group.join()
    await turns(member)
    holder.released |= {"audio.1": 7, "audio.2": 8}
    member.moved()
    await until(lambda: group.store.stored[GROUP])
    group.store.stored.clear()
    for _ in range(61):
        group.now += 1.0
        await turns(member, rounds=1)
    await until(lambda: group.store.stored[GROUP] == {"audio.1": 7, "audio.2": 8})


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.005)
